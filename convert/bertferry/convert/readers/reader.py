"""What every reader provides: names, shapes and dtypes of all tensors of a file, their bytes on demand."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from crc32c import crc32c

from bertferry.convert.chunks import blocks, bytes_of
from bertferry.convert.layout import Naming
from bertferry.core.errors import DataError


@dataclass(frozen=True)
class TensorInfo:
    """What is known of a stored tensor without reading it; dtype is NumPy's name (`float32`, `bfloat16`, …)."""

    shape: tuple[int, ...]
    dtype: str


class Reader(Protocol):
    """An open file. Its tensors are keyed by their names in the file."""

    @property
    def naming(self) -> Naming:
        """How the file names its tensors."""

    @property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """Every tensor in the file, by key."""

    def find(self, stored: str) -> str | None:
        """The key of a layout's stored name in this file, or None."""

    def name_of(self, key: str) -> str:
        """The stored name that finds a key."""

    def places(self, stored: str) -> list[str]:
        """What precedes a stored name, wherever in the file it occurs: "" or ending in a separator."""

    def below(self, place: str, anchor: str) -> set[str]:
        """The keys of all tensors at a place; if names are not paths, in the object that contains `anchor`."""

    def read(self, key: str) -> np.ndarray:
        """The tensor. Raises DataError if its bytes are damaged or missing."""

    def chunks(self, key: str) -> Iterator[memoryview]:
        """The tensor's bytes in order, each chunk valid until the next one. Raises DataError like `read`."""

    def fingerprint(self, key: str) -> str:
        """`crc32c:` and the CRC-32C of the tensor's bytes: the file's, or that of the last reading."""

    def checked_fingerprint(self, key: str) -> str:
        """The same, after reading the bytes. Raises DataError if a checksum in the file contradicts them."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor of a file: what is known of it, a function that reads it, and one that reads it in chunks, if that
    takes less memory.

    The functions raise DataError if the bytes are damaged or missing.
    """

    info: TensorInfo
    read: Callable[[], np.ndarray]
    chunks: Callable[[], Iterator[memoryview]] | None = None


class NamedReader:
    """A file, or several shards of one checkpoint, whose tensors have nothing but names.

    A format is a function that yields these tensors. Fingerprints are computed from the bytes that were read: a
    format that states checksums verifies them in `StoredTensor.read`.
    """

    def __init__(self, naming: Naming, stored: Mapping[str, StoredTensor]) -> None:
        self.naming: Naming = naming
        self.tensors = {name: tensor.info for name, tensor in stored.items()}
        self._stored = stored
        self._fingerprints: dict[str, str] = {}

    def find(self, stored: str) -> str | None:
        """The name itself, if the file has it."""
        return stored if stored in self.tensors else None

    def name_of(self, key: str) -> str:
        """The key itself."""
        return key

    def places(self, stored: str) -> list[str]:
        """What precedes a stored name wherever it occurs."""
        return name_places(self.tensors, stored)

    def below(self, place: str, anchor: str) -> set[str]:
        """The names that start with a place."""
        return names_below(self.tensors, place)

    def read(self, key: str) -> np.ndarray:
        """The tensor, mapped if the format allows that."""
        value = self._stored[key].read()
        self._fingerprints[key] = fingerprint_chunks(map(bytes_of, blocks(value)))
        return value

    def chunks(self, key: str) -> Iterator[memoryview]:
        """The tensor's bytes in chunks."""
        stored, crc = self._stored[key], 0
        for chunk in stored.chunks() if stored.chunks else map(bytes_of, blocks(stored.read())):
            crc = crc32c(chunk, crc)
            yield chunk
        self._fingerprints[key] = fingerprint_of(crc)

    def fingerprint(self, key: str) -> str:
        """The CRC-32C of a tensor's bytes when they were last read."""
        return self._fingerprints.get(key) or self.checked_fingerprint(key)

    def checked_fingerprint(self, key: str) -> str:
        """The same, after reading them."""
        deque(self.chunks(key), maxlen=0)
        return self._fingerprints[key]


def joined(
    shards: Iterable[Path], tensors_of: Callable[[Path], Mapping[str, StoredTensor]]
) -> dict[str, StoredTensor]:
    """The tensors of all shards.

    Raises:
      DataError: two shards have a tensor of the same name.
    """
    stored: dict[str, StoredTensor] = {}
    for path in shards:
        own = tensors_of(path)
        if twice := next((name for name in own if name in stored), None):
            raise DataError(f"{path}: tensor {twice} is also in another of its files")
        stored |= own
    return stored


def name_places(names: Iterable[str], stored: str) -> list[str]:
    """`Reader.places` for files with names only: prefixes that end at a separator, shortest first."""
    prefixes = {name.removesuffix(stored) for name in names if name.endswith(stored)}
    return sorted((prefix for prefix in prefixes if not prefix or prefix[-1] in "/."), key=len)


def names_below(names: Iterable[str], place: str) -> set[str]:
    """`Reader.below` for files with names only."""
    return {name for name in names if name.startswith(place)}


def fingerprint_of(crc: int) -> str:
    """The fingerprint of bytes with this CRC-32C."""
    return f"crc32c:{crc:08x}"


def fingerprint_chunks(chunks: Iterable[memoryview]) -> str:
    """The fingerprint of bytes of which a file states none."""
    crc = 0
    for chunk in chunks:
        crc = crc32c(chunk, crc)
    return fingerprint_of(crc)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays agree in type, shape and every bit, NaN and signed zero included."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
