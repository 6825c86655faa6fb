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
BLOCK = 2**16
"""How many values are rounded at a time: as many as stay in the processor's cache."""
COLUMNS = 16
"""At least so many vectors, whose values follow each other in memory if they are columns."""
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
    rounded = np.empty(values.shape, np.int8)
    vectors, eight = np.moveaxis(values, axis, 0), np.moveaxis(rounded, axis, 0)
    scales = np.empty(vectors.shape[1], np.float32)
    step = max(COLUMNS, BLOCK // max(1, len(vectors)))
    for start in range(0, len(scales), step):
        block = slice(start, start + step)
        wide = vectors[:, block].astype(np.float64)
        scales[block] = _scales(wide)
        eight[:, block] = np.rint(wide / scales[block])
    return rounded, scales


def _scales(vectors: np.ndarray) -> np.ndarray:
    """A scale for each column."""
    pairs = np.concatenate([vectors, np.zeros_like(vectors[: len(vectors) % 2])])
    sums = np.maximum(_largest_sum(pairs), _largest_sum(-pairs))
    scales = np.maximum(np.max(np.abs(vectors), axis=0, initial=0) / LARGEST, sums / (LARGEST_PAIR - ROUNDING))
    return np.where(scales > 0, scales, 1)


def _largest_sum(pairs: np.ndarray) -> np.ndarray:
    """The largest sum of the positive values of neighbors, for each column."""
    positive = np.maximum(pairs, 0)
    largest: np.ndarray = np.max(positive[0::2] + positive[1::2], axis=0, initial=0)
    return largest
