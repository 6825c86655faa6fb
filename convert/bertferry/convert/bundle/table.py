"""Reads a table in LevelDB's format: keys in order, each with a value, in blocks that have checksums.

https://github.com/google/leveldb/blob/main/doc/table_format.md. What the file states of itself is checked before
it is believed, and what it unpacks to is limited, so that a damaged one takes neither more memory nor more time
than its size explains.
"""

from collections.abc import Iterator
from pathlib import Path

from bertferry.convert.bundle.checksum import crc32c, unmasked
from bertferry.convert.bundle.varint import read_varint

FOOTER_BYTES = 48
MAGIC = bytes.fromhex("57fb808b247547db")
PLAIN, SNAPPY = 0, 1
TRAILER_BYTES = 5
"""Behind each block: how it is compressed, and the checksum of it and that byte."""
MAX_RATIO = 100
"""Names share their beginnings, which are stored once: keys that grow more than this are a bomb."""


def read_table(path: Path) -> dict[bytes, bytes]:
    """Every key with its value.

    Raises:
      ValueError: it is no complete table.
    """
    data = memoryview(path.read_bytes())
    if len(data) < FOOTER_BYTES or data[-len(MAGIC) :] != MAGIC:
        raise ValueError("it does not end as a table does")
    budget = MAX_RATIO * len(data)
    _, position = _handle(data, len(data) - FOOTER_BYTES)  # of the meta index, then of the index
    found: dict[bytes, bytes] = {}
    previous = None
    for _, stored in _entries(_block(data, _handle(data, position)[0])):
        for key, value in _entries(_block(data, _handle(stored, 0)[0])):
            if previous is not None and key <= previous:
                raise ValueError("its keys are out of order")
            budget -= len(key) + len(value)
            if budget < 0:
                raise ValueError("its keys are larger than those of any checkpoint of its size")
            found[key] = bytes(value)
            previous = key
    return found


def _handle(data: memoryview, position: int) -> tuple[tuple[int, int], int]:
    """A block's offset and size, and the position behind."""
    offset, position = read_varint(data, position)
    size, position = read_varint(data, position)
    return (offset, size), position


def _block(data: memoryview, handle: tuple[int, int]) -> memoryview:
    """A block's content, its checksum verified."""
    start, size = handle
    end = start + size
    if end + TRAILER_BYTES > len(data) - FOOTER_BYTES:
        raise ValueError("a block lies beyond its end")
    stated = int.from_bytes(data[end + 1 : end + TRAILER_BYTES], "little")
    if crc32c(data[start : end + 1]) != unmasked(stated):
        raise ValueError(f"the checksum of the block at byte {start} is not that of its bytes")
    if data[end] != PLAIN:
        kind = "by Snappy" if data[end] == SNAPPY else f"in a way of number {data[end]}"
        raise ValueError(f"a block is compressed {kind}, which TensorFlow does not write: save it again with it")
    return data[start:end]


def _entries(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of a block; each key is stored without what it shares with the one before it."""
    restarts = 4 * (
        int.from_bytes(block[-4:], "little") + 1
    )  # where keys are stored whole, which only seeking needs
    if len(block) < restarts:
        raise ValueError("a block is shorter than it says")
    content = block[: len(block) - restarts]
    key, position = b"", 0
    while position < len(content):
        shared, position = read_varint(content, position)
        fresh, position = read_varint(content, position)
        length, position = read_varint(content, position)
        end = position + fresh + length
        if shared > len(key) or end > len(content):
            raise ValueError("a key or a value lies beyond its block")
        key = key[:shared] + bytes(content[position : position + fresh])
        yield key, content[position + fresh : end]
        position = end
