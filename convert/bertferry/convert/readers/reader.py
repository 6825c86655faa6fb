"""What every reader gives: names, shapes and dtypes of the tensors of a file at once, their bytes on demand."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bertferry.convert.layout import Naming


@dataclass(frozen=True)
class TensorInfo:
    """What is known of a stored tensor without reading it; dtype is NumPy's name (`float32`, `bfloat16`, …)."""

    shape: tuple[int, ...]
    dtype: str


class Reader(Protocol):
    """An open file. Its tensors are keyed by the names that stand in the file."""

    @property
    def naming(self) -> Naming:
        """How the file names its tensors."""

    @property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """Every tensor in the file, by key."""

    def find(self, stored: str) -> str | None:
        """The key under which a layout's stored name lies in this file, or None."""

    def places(self, stored: str) -> list[str]:
        """What stands before a stored name, wherever in the file it occurs: "" or ending in a separator."""

    def below(self, place: str, anchor: str) -> set[str]:
        """The keys of all tensors at a place; where names are no paths, in the object that holds `anchor`."""

    def read(self, key: str) -> np.ndarray:
        """The tensor. Raises DataError when its bytes are damaged or missing."""

    def chunks(self, key: str) -> Iterator[memoryview]:
        """The tensor's bytes in order, in pieces that are valid until the next one. Raises DataError as `read`."""

    def fingerprint(self, key: str) -> str:
        """`crc32c:` or `sha256:` and a number that equal bytes share, as the file states it or from the bytes."""

    def checked_fingerprint(self, key: str) -> str:
        """The same, after the bytes have been read and found to have it. Raises DataError when they do not."""


def name_places(names: Iterable[str], stored: str) -> list[str]:
    """`Reader.places` where names are all there is: prefixes that end at a separator, shortest first."""
    prefixes = {name.removesuffix(stored) for name in names if name.endswith(stored)}
    return sorted((prefix for prefix in prefixes if not prefix or prefix[-1] in "/."), key=len)


def names_below(names: Iterable[str], place: str) -> set[str]:
    """`Reader.below` where names are all there is."""
    return {name for name in names if name.startswith(place)}


def sha256(array: np.ndarray) -> str:
    """The fingerprint of bytes for which a file states none."""
    return "sha256:" + hashlib.sha256(bytes_of(array)).hexdigest()


def bytes_of(array: np.ndarray) -> memoryview:
    """An array's bytes, row by row; without a copy where they lie so."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
