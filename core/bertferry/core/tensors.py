"""The inputs and outputs of a model: names, types and dimensions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

DYNAMIC = ("batch", "choices", "sequence", "predictions")
"""Dimensions that may differ in every call."""


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a model.

    Each of `dims` is a symbol of `DYNAMIC`, or an axis of a parameter, whose size the checkpoint determines.
    """

    name: str
    dtype: Literal["int32", "float32"]
    dims: tuple[str, ...]
    meaning: str = ""

    def shape(self, sizes: Mapping[str, int]) -> tuple[str | int, ...]:
        """The dimensions, with axes replaced by their sizes: `("batch", 768)`."""
        return tuple(dim if dim in DYNAMIC else sizes[dim] for dim in self.dims)
