"""The data files of a checkpoint: the bytes of its tensors, one after the other."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from bertferry.convert.bundle.checksum import crc32c

MISMATCH = "its checksum does not match its bytes"


def data_path(prefix: Path, shard: int, count: int) -> Path:
    """The path of data file number `shard` of `count`."""
    return Path(f"{prefix}.data-{shard:05}-of-{count:05}")


def verify(chunks: Iterable[memoryview], crc: int) -> Iterator[memoryview]:
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
