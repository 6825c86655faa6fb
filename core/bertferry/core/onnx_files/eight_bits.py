"""Rounds weights to eight bits."""

import numpy as np

LARGEST = 127
"""Magnitude of an eight-bit weight."""
LARGEST_PAIR = 128
"""Magnitude of the sum of two neighbors of the same sign: 255 · 128 still fits into 16 bits.

Processors without VNNI multiply bytes in pairs and add the two products in 16 bits, saturated (`vpmaddubsw`). With
larger pairs, a graph gives other results there. Limiting every weight to seven bits instead, as `reduce_range` of
ONNX Runtime's tool does, wastes half of the steps.
"""
ROUNDING = 1.0
"""By how much rounding can enlarge a pair."""


def to_eight_bits(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Rounds a matrix to int8 times a scale for each column (`axis` 0) or row (`axis` 1), symmetrically.

    Args:
      values: a finite matrix.
      axis: the axis that products sum over.

    Returns:
      The int8 matrix, and a vector of float32 scales.
    """
    wide = np.moveaxis(np.asarray(values, np.float64), axis, 0)
    pairs = np.concatenate([wide, np.zeros_like(wide[: len(wide) % 2])])
    sums = np.maximum(_largest_sum(pairs), _largest_sum(-pairs))
    largest = np.max(np.abs(wide), axis=0, initial=0)
    scales = np.maximum(largest / LARGEST, sums / (LARGEST_PAIR - ROUNDING))
    scales = np.where(scales > 0, scales, 1).astype(np.float32)
    rounded: np.ndarray = np.rint(wide / scales).astype(np.int8)
    return np.moveaxis(rounded, 0, axis), scales


def _largest_sum(pairs: np.ndarray) -> np.ndarray:
    """The largest sum of the positive values of neighbors, for each column."""
    positive = np.maximum(pairs, 0)
    largest: np.ndarray = np.max(positive[0::2] + positive[1::2], axis=0, initial=0)
    return largest
