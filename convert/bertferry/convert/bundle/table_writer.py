"""Writes a table in LevelDB's format as TensorFlow does, byte for byte (tsl/lib/io/table_builder.cc)."""

from collections.abc import Mapping
from pathlib import Path

from bertferry.convert.bundle.checksum import crc32c, masked
from bertferry.convert.bundle.table import FOOTER_BYTES, MAGIC, PLAIN, TRAILER_BYTES
from bertferry.convert.bundle.varint import varint

BLOCK_BYTES = 256 * 1024
RESTART_INTERVAL = 16
"""After so many entries of a data block, a key is stored whole. In the block that lists them every key is."""


class Block:
    """A block that grows by one entry after the other."""

    def __init__(self, restart_interval: int) -> None:
        self._interval = restart_interval
        self._content = bytearray()
        self._restarts = [0]
        self._count = 0
        self.first_key = self.last_key = b""

    @property
    def size(self) -> int:
        """Bytes that it will take."""
        return len(self._content) + 4 * (len(self._restarts) + 1)

    def add(self, key: bytes, value: bytes) -> None:
        """Adds an entry with a key behind all others."""
        if not self._content:
            self.first_key = key
        shared = 0
        if self._count == self._interval:
            self._restarts.append(len(self._content))
            self._count = 0
        elif self._count:
            shared = _shared(self.last_key, key)
        self._content += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        self._count += 1
        self.last_key = key

    def finish(self) -> bytes:
        """The block's bytes, with what stands behind it."""
        numbers = (*self._restarts, len(self._restarts))
        stored = (
            bytes(self._content) + b"".join(number.to_bytes(4, "little") for number in numbers) + bytes([PLAIN])
        )
        return stored + masked(crc32c(stored)).to_bytes(4, "little")


def write_table(path: Path, entries: Mapping[bytes, bytes]) -> None:
    """A table of these keys and values, of which there is at least one."""
    out = bytearray()
    index = Block(1)
    blocks = _data_blocks(entries)
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        name = _successor(block.last_key) if following is None else _separator(block.last_key, following.first_key)
        index.add(name, _append(out, block))
    handles = _append(out, Block(1)) + _append(out, index)  # an empty meta index
    out += handles.ljust(FOOTER_BYTES - len(MAGIC), b"\0") + MAGIC
    path.write_bytes(out)


def _data_blocks(entries: Mapping[bytes, bytes]) -> list[Block]:
    blocks = [Block(RESTART_INTERVAL)]
    for key in sorted(entries):
        if blocks[-1].size >= BLOCK_BYTES:
            blocks.append(Block(RESTART_INTERVAL))
        blocks[-1].add(key, entries[key])
    return blocks


def _append(out: bytearray, block: Block) -> bytes:
    """Appends a block; returns where it stands."""
    stored = block.finish()
    handle = varint(len(out)) + varint(len(stored) - TRAILER_BYTES)
    out += stored
    return handle


def _shared(one: bytes, other: bytes) -> int:
    """How many bytes two keys have in common."""
    differing = (place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right)
    return next(differing, min(len(one), len(other)))


def _separator(last: bytes, first: bytes) -> bytes:
    """A short key that is not before the last one of a block, but before the first one of the next."""
    shared = _shared(last, first)
    if shared < len(last) and last[shared] < 0xFF and last[shared] + 1 < first[shared]:
        return last[:shared] + bytes([last[shared] + 1])
    return last


def _successor(last: bytes) -> bytes:
    """A short key that is not before the last one of all."""
    for position, byte in enumerate(last):
        if byte != 0xFF:
            return last[:position] + bytes([byte + 1])
    return last
