"""Writes a table in LevelDB's format with the same bytes as TensorFlow (tsl/lib/io/table_builder.cc)."""

from collections.abc import Mapping
from pathlib import Path

from bertferry.convert.bundle.checksum import crc32c, mask
from bertferry.convert.bundle.table import FOOTER_BYTES, MAGIC, PLAIN, TRAILER_BYTES
from bertferry.core.varint import encode_varint

BLOCK_BYTES = 256 * 1024
RESTART_INTERVAL = 16
"""A data block stores every 16th key completely; the block that lists the data blocks, every key."""


class Block:
    """A block to which entries are added one by one."""

    def __init__(self, restart_interval: int) -> None:
        self._interval = restart_interval
        self._content = bytearray()
        self._restarts = [0]
        self._count = 0
        self.first_key = self.last_key = b""

    @property
    def size(self) -> int:
        """Its size in bytes without its trailer."""
        return len(self._content) + 4 * (len(self._restarts) + 1)

    def add(self, key: bytes, value: bytes) -> None:
        """Adds an entry, whose key must be greater than all others."""
        if not self._content:
            self.first_key = key
        shared = 0
        if self._count == self._interval:
            self._restarts.append(len(self._content))
            self._count = 0
        elif self._count:
            shared = _shared(self.last_key, key)
        self._content += (
            encode_varint(shared)
            + encode_varint(len(key) - shared)
            + encode_varint(len(value))
            + key[shared:]
            + value
        )
        self._count += 1
        self.last_key = key

    def finish(self) -> bytes:
        """The block's bytes with its trailer."""
        numbers = (*self._restarts, len(self._restarts))
        stored = (
            bytes(self._content) + b"".join(number.to_bytes(4, "little") for number in numbers) + bytes([PLAIN])
        )
        return stored + mask(crc32c(stored)).to_bytes(4, "little")


def write_table(path: Path, entries: Mapping[bytes, bytes]) -> None:
    """Writes a table of these keys and values, of which there is at least one."""
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
    """Appends a block and returns its handle: offset and size."""
    stored = block.finish()
    handle = encode_varint(len(out)) + encode_varint(len(stored) - TRAILER_BYTES)
    out += stored
    return handle


def _shared(one: bytes, other: bytes) -> int:
    """The length of the common prefix of two keys."""
    differing = (place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right)
    return next(differing, min(len(one), len(other)))


def _separator(last: bytes, first: bytes) -> bytes:
    """A short key that is not less than the last one of a block, but less than the first one of the next."""
    shared = _shared(last, first)
    if shared < len(last) and last[shared] < 0xFF and last[shared] + 1 < first[shared]:
        return last[:shared] + bytes([last[shared] + 1])
    return last


def _successor(last: bytes) -> bytes:
    """A short key that is not less than the last one of all."""
    for position, byte in enumerate(last):
        if byte != 0xFF:
            return last[:position] + bytes([byte + 1])
    return last
