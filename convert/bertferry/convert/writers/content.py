"""What is written, whatever the kind of file: tensors that come in pieces."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class TensorContent:
    """A tensor of the target. Its bytes are made when they are asked for, once."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    pieces: Iterable[bytes | memoryview]
