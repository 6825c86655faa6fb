"""The data files of a checkpoint: the bytes of its tensors, one after the other."""

import os
from collections.abc import Iterator
from pathlib import Path

from bertferry.convert.bundle.checksum import crc32c
from bertferry.convert.bundle.entry import Entry

CHUNK_BYTES = 2**20
"""Small enough to be still in the processor's cache when it is written after being read."""
MISMATCH = "its checksum does not match its bytes"


def data_path(prefix: Path, shard: int, count: int) -> Path:
    """The path of data file number `shard` of `count`."""
    return Path(f"{prefix}.data-{shard:05}-of-{count:05}")


def read_chunks(path: Path, entry: Entry) -> Iterator[memoryview]:
    """Yields the bytes of an entry from its data file in chunks, each valid until the next one is requested.

    Raises:
      ValueError: the file is truncated.
      OSError: it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size < entry.offset + entry.size:
            raise ValueError(f"{path.name} is truncated")
        file.seek(entry.offset)
        buffer = memoryview(bytearray(min(entry.size, CHUNK_BYTES)))
        remaining = entry.size
        while remaining:
            count = file.readinto(buffer[: min(remaining, CHUNK_BYTES)])
            if not count:
                raise ValueError(f"{path.name} is truncated")
            yield buffer[:count]
            remaining -= count


def verify(chunks: Iterator[memoryview], crc: int) -> Iterator[memoryview]:
    """Yields the chunks unchanged.

    Raises:
      ValueError: after the last one, if their CRC-32C differs from `crc`.
    """
    actual = 0
    for chunk in chunks:
        actual = crc32c(chunk, actual)
        yield chunk
    if actual != crc:
        raise ValueError(MISMATCH)


def gather(chunks: Iterator[memoryview]) -> bytearray:
    """All bytes in one array."""
    content = bytearray()
    for chunk in chunks:
        content += chunk
    return content
