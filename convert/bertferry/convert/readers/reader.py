"""What every reader provides: names, shapes and dtypes of all tensors of a file, their bytes on demand."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from crc32c import crc32c

from bertferry.convert.layout import Naming


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
