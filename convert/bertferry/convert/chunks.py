"""Bytes in chunks of bounded size: those of a file, and those of an array in the order in which files store them.

Buffers are small and used again: memory that is still in the processor's cache costs far less than fresh memory,
which the system clears first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import numpy as np

CHUNK_BYTES = 2**20
BLOCK_BYTES = 2**22
"""Large enough that a transposed block takes long runs from the array."""
COLUMNS = 8
"""Written at a time when transposing: with more of them, what is read does not stay in the processor's cache."""


def check_range(path: Path, offset: int, size: int) -> None:
    """Checks that a file has a range of bytes, which takes no memory.

    Raises:
      ValueError: the file is truncated.
      OSError: it cannot be read.
    """
    if path.stat().st_size < offset + size:
        raise ValueError(f"{path.name} is truncated")


@contextmanager
def _open_at(path: Path, offset: int, size: int) -> Iterator[FileIO]:
    check_range(path, offset, size)
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        yield file


def _fill(file: FileIO, buffer: memoryview) -> None:
    """Reads as many bytes as the buffer has; the system may return fewer at a time."""
    while buffer:
        count = file.readinto(buffer)
        if not count:
            raise ValueError(f"{Path(file.name).name} is truncated")
        buffer = buffer[count:]


def read_chunks(path: Path, offset: int, size: int) -> Iterator[memoryview]:
    """Yields a range of a file's bytes in chunks, each valid until the next one is requested.

    Raises:
      ValueError: the file is truncated.
      OSError: it cannot be read.
    """
    with _open_at(path, offset, size) as file:
        buffer = memoryview(bytearray(min(size, CHUNK_BYTES)))
        for start in range(0, size, CHUNK_BYTES):
            chunk = buffer[: size - start]
            _fill(file, chunk)
            yield chunk


def read_bytes(path: Path, offset: int, size: int) -> np.ndarray:
    """A range of a file's bytes as an array. Raises like `read_chunks`."""
    with _open_at(path, offset, size) as file:
        content = np.empty(size, np.uint8)
        _fill(file, content.data)
    return content


def map_bytes(path: Path, offset: int, size: int) -> np.ndarray:
    """A range of a file's bytes as a read-only array of the file's own memory. Raises like `read_chunks`."""
    check_range(path, offset, size)
    if not size:  # nothing to map
        return np.empty(0, np.uint8)
    return np.asarray(np.memmap(path, np.uint8, "r", offset, (size,)))


def blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yields an array along its first axis in contiguous blocks, each valid until the next one is requested.

    A transposed array is copied a few columns at a time, which takes a third of the time of NumPy's own order.
    """
    array = np.atleast_1d(array)
    rows = max(1, BLOCK_BYTES * len(array) // max(1, array.nbytes))
    buffer = None if array.flags.c_contiguous else np.empty((min(rows, len(array)), *array.shape[1:]), array.dtype)
    for start in range(0, len(array), rows):
        block = array[start : start + rows]
        if buffer is not None:
            copied = buffer[: len(block)]
            for column in range(0, block.shape[-1], COLUMNS):
                end = column + COLUMNS
                copied[..., column:end] = block[..., column:end]
            block = copied
        yield block


def bytes_of(array: np.ndarray) -> memoryview:
    """The array's bytes in C order, without a copy if it is contiguous."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
