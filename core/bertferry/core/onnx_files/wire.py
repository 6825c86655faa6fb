"""Protocol buffers on the wire: https://protobuf.dev/programming-guides/encoding/."""

from typing import BinaryIO

from bertferry.core.varint import encode_varint

VARINT, EIGHT_BYTES, LENGTH_DELIMITED, FOUR_BYTES = 0, 1, 2, 5
"""Wire types."""


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
