"""The checksums in the index of a TensorFlow checkpoint.

An index is a table in LevelDB's format (https://github.com/google/leveldb/blob/main/doc/table_format.md) of
BundleEntryProto messages, one per tensor, each with the CRC-32C of the tensor's bytes. TensorFlow checks these
when it reads, but does not expose them.
"""

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError

from bertferry.modeling.tf_compat import BundleEntryProto

FOOTER_BYTES = 48
UNCOMPRESSED = 0


def read_checksums(index: Path) -> dict[str, int]:
    """The masked CRC-32C of every tensor by key; empty if the index is compressed or not in this format."""
    data = index.read_bytes()
    try:
        _, position = _handle(data, len(data) - FOOTER_BYTES)  # of the meta index, then of the index
        masked = {}
        for _, handle in _entries(data, _handle(data, position)[0]):
            for key, value in _entries(data, _handle(handle, 0)[0]):
                if key:  # the empty key is the header
                    masked[key.decode()] = BundleEntryProto.FromString(value).crc32c
    except (IndexError, ValueError, DecodeError):
        return {}
    return masked


def unmask(crc: int) -> int:
    """The CRC-32C itself: an index stores it rotated, plus a constant (tsl/lib/hash/crc32c.h)."""
    rotated = (crc - 0xA282EAD8) & 0xFFFFFFFF
    return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """A block's offset and size, and the position after them."""
    offset, position = _varint(data, position)
    size, position = _varint(data, position)
    return (offset, size), position


def _entries(data: bytes, block: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; each key is stored without the prefix that it shares with the previous one."""
    start, size = block
    if data[start + size] != UNCOMPRESSED:
        raise ValueError("a compressed block")
    end = start + size
    end -= 4 * (int.from_bytes(data[end - 4 : end], "little") + 1)  # the restart points
    key, position = b"", start
    while position < end:
        shared, position = _varint(data, position)
        unshared, position = _varint(data, position)
        length, position = _varint(data, position)
        key = key[:shared] + data[position : position + unshared]
        position += unshared
        yield key, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
