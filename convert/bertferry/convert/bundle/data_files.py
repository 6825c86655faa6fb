"""The data files of a checkpoint: where the bytes of its tensors stand, one tensor behind the other."""

import os
from collections.abc import Iterator
from pathlib import Path

from bertferry.convert.bundle.checksum import crc32c
from bertferry.convert.bundle.entry import Entry

CHUNK_BYTES = 2**20
"""Small enough that a processor's cache still holds it when it is written where it was read."""
MISMATCH = "its checksum is not that of its bytes"


def data_path(prefix: Path, shard: int, count: int) -> Path:
    """One of so many data files."""
    return Path(f"{prefix}.data-{shard:05}-of-{count:05}")


def read_chunks(path: Path, entry: Entry) -> Iterator[memoryview]:
    """The bytes of an entry as they stand in its data file, each chunk valid until the next one is asked for.

    Raises:
      ValueError: the file ends before they do.
      OSError: it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size < entry.offset + entry.size:
            raise ValueError(f"{path.name} ends before it does")
        file.seek(entry.offset)
        buffer = memoryview(bytearray(min(entry.size, CHUNK_BYTES)))
        left = entry.size
        while left:
            count = file.readinto(buffer[: min(left, CHUNK_BYTES)])
            if not count:
                raise ValueError(f"{path.name} ends before it does")
            yield buffer[:count]
            left -= count


def verify(chunks: Iterator[memoryview], crc: int) -> Iterator[memoryview]:
    """The chunks as they are.

    Raises:
      ValueError: behind the last one, where they do not have this CRC-32C together.
    """
    found = 0
    for chunk in chunks:
        found = crc32c(chunk, found)
        yield chunk
    if found != crc:
        raise ValueError(MISMATCH)


def gather(chunks: Iterator[memoryview]) -> bytearray:
    """All bytes together."""
    content = bytearray()
    for chunk in chunks:
        content += chunk
    return content
