"""Protocol buffers on the wire: https://protobuf.dev/programming-guides/encoding/."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bertferry.core.varint import encode_varint

VARINT, EIGHT_BYTES, LENGTH_DELIMITED, FOUR_BYTES = 0, 1, 2, 5
"""Wire types."""
SIZES = {EIGHT_BYTES: 8, FOUR_BYTES: 4}


@dataclass(frozen=True)
class Field:
    """A field of a message: its number, its value if that is a varint, else where its content is in the file."""

    number: int
    value: int
    start: int
    size: int

    def read(self, file: BinaryIO) -> bytes:
        """The content."""
        file.seek(self.start)
        return file.read(self.size)


def read_fields(file: BinaryIO, start: int, size: int) -> Iterator[Field]:
    """Yields the fields of the message there; their contents are skipped, so that their sizes do not matter.

    Raises:
      ValueError: not a message.
    """
    end = start + size
    while start < end:
        file.seek(start)
        tag = read_varint(file)
        wire_type, value, length = tag & 7, 0, 0
        if wire_type == VARINT:
            value = read_varint(file)
        elif wire_type in (*SIZES, LENGTH_DELIMITED):
            length = SIZES.get(wire_type) or read_varint(file)
        else:
            raise ValueError(f"wire type {wire_type}")
        field = Field(tag >> 3, value, file.tell(), length)
        start = field.start + length
        yield field


def read_varint(file: BinaryIO) -> int:
    """The next number.

    Raises:
      ValueError: the file ends, or the number has over 70 bits.
    """
    value = shift = 0
    while True:
        byte = file.read(1)
        if not byte or shift > 63:
            raise ValueError("not a varint")
        value |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return value


def encode_field_start(number: int, size: int) -> bytes:
    """The key and the length of a field of bytes."""
    return encode_varint(number << 3 | LENGTH_DELIMITED) + encode_varint(size)
