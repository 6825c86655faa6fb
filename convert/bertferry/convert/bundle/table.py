"""Reads a table in LevelDB's format: keys in order, each with a value, in blocks with checksums.

https://github.com/google/leveldb/blob/main/doc/table_format.md. Everything that the file states is checked before
it is used, and the size of its keys is limited, so that a damaged file takes no more time or memory than its size
justifies.
"""

from collections.abc import Iterator
from pathlib import Path

from bertferry.convert.bundle.checksum import crc32c, unmask
from bertferry.core.varint import read_varint

FOOTER_BYTES = 48
MAGIC = bytes.fromhex("57fb808b247547db")
PLAIN, SNAPPY = 0, 1
TRAILER_BYTES = 5
"""After each block: its compression method, and the checksum of the block and that byte."""
MAX_RATIO = 100
"""Common prefixes of keys are stored once; an index that unpacks to more than this is a decompression bomb."""


def read_table(path: Path) -> dict[bytes, bytes]:
    """Every key with its value.

    Raises:
      ValueError: it is not a complete table.
    """
    data = memoryview(path.read_bytes())
    if len(data) < FOOTER_BYTES or data[-len(MAGIC) :] != MAGIC:
        raise ValueError("it does not end like a table")
    budget = MAX_RATIO * len(data)
    _, position = _handle(data, len(data) - FOOTER_BYTES)  # of the meta index, then of the index
    found: dict[bytes, bytes] = {}
    previous = None
    end = 0
    for index_key, stored in _entries(_block(data, _handle(data, position)[0])):
        budget -= len(index_key)
        (start, size), _ = _handle(stored, 0)
        if start < end or budget < 0:
            raise ValueError("its index is larger than its blocks")
        end = start + size
        for key, value in _entries(_block(data, (start, size))):
            if previous is not None and key <= previous:
                raise ValueError("its keys are out of order")
            budget -= len(key) + len(value)
            if budget < 0:
                raise ValueError("its keys are too large for its size")
            found[key] = bytes(value)
            previous = key
    return found


def _handle(data: memoryview, position: int) -> tuple[tuple[int, int], int]:
    """A block's offset and size, and the position after them."""
    offset, position = read_varint(data, position)
    size, position = read_varint(data, position)
    return (offset, size), position


def _block(data: memoryview, handle: tuple[int, int]) -> memoryview:
    """A block's content, after verifying its checksum."""
    start, size = handle
    end = start + size
    if end + TRAILER_BYTES > len(data) - FOOTER_BYTES:
        raise ValueError("a block extends beyond its end")
    stated = int.from_bytes(data[end + 1 : end + TRAILER_BYTES], "little")
    if crc32c(data[start : end + 1]) != unmask(stated):
        raise ValueError(f"the checksum of the block at byte {start} does not match its bytes")
    if data[end] != PLAIN:
        method = "Snappy" if data[end] == SNAPPY else f"method {data[end]}"
        raise ValueError(f"a block is compressed with {method}: save the checkpoint again with TensorFlow")
    return data[start:end]


def _entries(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of a block; each key is stored without the prefix that it shares with the previous one."""
    restart_count = int.from_bytes(block[-4:], "little")  # positions of complete keys, which only seeking needs
    restarts = 4 * (restart_count + 1)
    if len(block) < restarts:
        raise ValueError("a block is shorter than it states")
    content = block[: len(block) - restarts]
    key, position = b"", 0
    while position < len(content):
        shared, position = read_varint(content, position)
        unshared, position = read_varint(content, position)
        length, position = read_varint(content, position)
        end = position + unshared + length
        if shared > len(key) or end > len(content):
            raise ValueError("a key or a value extends beyond its block")
        key = key[:shared] + bytes(content[position : position + unshared])
        yield key, content[position + unshared : end]
        position = end
