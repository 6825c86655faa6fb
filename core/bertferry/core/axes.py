"""Named axes: how a tensor is laid out in a file, and the reshape or transpose between two layouts.

Axes are written as names in order, merged ones in parentheses: a query kernel is `hidden heads head_size` in a
3-D layout, `hidden (heads head_size)` in a 2-D one and `(heads head_size) hidden` as PyTorch stores it.
Because hidden == heads · head_size, attention kernels are square and a wrong transpose has the right shape:
only the names reveal it.
"""

from collections.abc import Mapping
from functools import cache
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # layouts, which `--help` lists, group axes without it
    import numpy as np

Groups = tuple[tuple[str, ...], ...]


@cache
def groups(axes: str) -> Groups:
    """The stored dimensions, each as the names it merges: "a (b c)" → (("a",), ("b", "c"))."""
    dimensions: list[tuple[str, ...]] = []
    for outside, bracketed in _pieces(axes):
        dimensions += [(name,) for name in outside.split()]
        if bracketed:
            dimensions.append(tuple(bracketed.split()))
    return tuple(dimensions)


def _pieces(axes: str) -> list[tuple[str, str]]:
    pieces = []
    for part in axes.split(")"):
        outside, _, bracketed = part.partition("(")
        pieces.append((outside, bracketed))
    return pieces


def names(axes: str) -> tuple[str, ...]:
    """Every axis name in order, parentheses ignored."""
    return tuple(name for group in groups(axes) for name in group)


def shape(axes: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The stored shape for these axis sizes."""
    return tuple(prod(sizes[name] for name in group) for group in groups(axes))


def same_bytes(source: str, target: str) -> bool:
    """Whether a tensor's bytes are the same in both layouts: only the parentheses differ."""
    return names(source) == names(target)


def rearrange(array: "np.ndarray", source: str, target: str, sizes: Mapping[str, int]) -> "np.ndarray":
    """The array, laid out as `source`, in the layout `target`; a view if the bytes are the same in both."""
    if source == target:
        return array
    source_order, target_order = names(source), names(target)
    if source_order == target_order:
        return array.reshape(shape(target, sizes))
    ungrouped = array.reshape([sizes[name] for name in source_order])
    transposed = ungrouped.transpose([source_order.index(name) for name in target_order])
    return transposed.reshape(shape(target, sizes))
