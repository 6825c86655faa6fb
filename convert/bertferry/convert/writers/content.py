"""What every writer takes: tensors with their bytes in pieces."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class TensorContent:
    """A tensor of the target. `pieces` can be iterated once, and computes them when it is."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    pieces: Iterable[bytes | memoryview]
