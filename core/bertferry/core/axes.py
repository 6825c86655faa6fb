"""Named axes: how a tensor lies in a file, and the reshape or transpose that leads to another file.

Axes are written as names in order, merged ones in brackets: a query kernel is `hidden heads head_size` in a
3-D layout, `hidden (heads head_size)` in a 2-D one and `(heads head_size) hidden` where PyTorch stored it.
hidden == heads · head_size makes attention kernels square, so a wrong transpose has the right shape: only
the names tell.
"""

from collections.abc import Mapping
from functools import cache
from math import prod

import numpy as np

Groups = tuple[tuple[str, ...], ...]


@cache
def groups(axes: str) -> Groups:
    """The stored dimensions, each as the names it merges: "a (b c)" → (("a",), ("b", "c"))."""
    found: list[tuple[str, ...]] = []
    for outside, bracketed in _pieces(axes):
        found += [(name,) for name in outside.split()]
        if bracketed:
            found.append(tuple(bracketed.split()))
    return tuple(found)


def _pieces(axes: str) -> list[tuple[str, str]]:
    pieces = []
    for part in axes.split(")"):
        outside, _, bracketed = part.partition("(")
        pieces.append((outside, bracketed))
    return pieces


def names(axes: str) -> tuple[str, ...]:
    """Every axis name in order, brackets ignored."""
    return tuple(name for group in groups(axes) for name in group)


def shape(axes: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The stored shape under the given axis sizes."""
    return tuple(prod(sizes[name] for name in group) for group in groups(axes))


def same_bytes(source: str, target: str) -> bool:
    """Whether a tensor keeps its bytes between the two: only brackets differ."""
    return names(source) == names(target)


def rearrange(array: np.ndarray, source: str, target: str, sizes: Mapping[str, int]) -> np.ndarray:
    """The array, lying as `source`, laid out as `target`; a view where the bytes stay as they are."""
    if source == target:
        return array
    order, wanted = names(source), names(target)
    if order == wanted:
        return np.reshape(array, shape(target, sizes))
    apart = np.reshape(array, [sizes[name] for name in order])
    turned = np.transpose(apart, [order.index(name) for name in wanted])
    return np.reshape(turned, shape(target, sizes))
