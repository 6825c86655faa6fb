"""The steps of a network on arrays whose last axis is a vector: dense layers, LayerNorm, attention.

NumPy's BLAS multiplies all rows by a kernel at once. Everything else is done in place, on as many rows at a time
as stay in the processor's cache.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from bertferry.verify.numpy_network.weights import Weights

CACHED = 2**15
"""Elements that stay in a core's cache together with a few temporary arrays of the same size."""
CACHED_SCORES = 2**18
"""Attention scores that are computed and used at a time."""

Activation = Callable[[np.ndarray], None]
"""Replaces the values of an array."""


def dense(inputs: np.ndarray, weights: Weights, place: str, activation: Activation | None = None) -> np.ndarray:
    """activation(inputs · kernel + bias): [..., H] → [..., W]."""
    bias = weights[f"{place}/bias"]
    outputs = inputs.reshape(-1, inputs.shape[-1]) @ weights[f"{place}/kernel"]
    for rows in _blocks(outputs):
        rows += bias
        if activation is not None:
            activation(rows)
    return outputs.reshape(*inputs.shape[:-1], -1)


def layer_norm(vectors: np.ndarray, weights: Weights, place: str, epsilon: float) -> np.ndarray:
    """Layer normalization over the last axis (Ba et al., 2016), in place; returns the array."""
    gamma, beta = weights[f"{place}/gamma"], weights[f"{place}/beta"]
    for rows in _blocks(vectors.reshape(-1, vectors.shape[-1])):
        rows -= rows.mean(axis=-1, keepdims=True)
        variance = np.square(rows).mean(axis=-1, keepdims=True)
        rows /= np.sqrt(variance + epsilon)
        rows *= gamma
        rows += beta
    return vectors


class ScoreBias(NamedTuple):
    """What is added to the scores of attention: by mask [B, S], and by relative position [N, S, S] if it is."""

    mask: np.ndarray
    relative: np.ndarray | None = None


def attention(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, bias: ScoreBias, kept: np.ndarray | None = None
) -> np.ndarray:
    """softmax(query · keyᵀ + bias) · value for every head: [B, S, N, D] each → [B, S, N, D].

    `kept` [B, N, S, S] gets the probabilities.
    """
    batch, length, heads, _ = query.shape
    context = np.empty_like(query)
    count = max(1, CACHED_SCORES // length**2)
    for row in range(batch):
        for start in range(0, heads, count):
            q, k, v, out = (
                part[row, :, start : start + count].swapaxes(0, 1) for part in (query, key, value, context)
            )
            scores = q @ k.swapaxes(1, 2)
            scores += bias.mask[row]
            if bias.relative is not None:
                scores += bias.relative[start : start + count]
            softmax(scores)
            if kept is not None:
                kept[row, start : start + count] = scores
            np.matmul(scores, v, out=out)
    return context


def softmax(scores: np.ndarray) -> None:
    """Softmax over the last axis, in place."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)


def look_up(rows: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    """Rows of a table: integers [...] → [..., H].

    Raises:
      ValueError: one that the table does not have; NumPy would count negative ones from the end.
    """
    table = weights[name]
    for row in (rows.min(), rows.max()):
        if not 0 <= row < len(table):
            raise ValueError(f"{name} has {len(table)} rows: no row {row}")
    return np.asarray(table[rows])


def _blocks(vectors: np.ndarray) -> Iterator[np.ndarray]:
    """Yields views of consecutive rows of [R, H]."""
    count = max(1, CACHED // vectors.shape[-1])
    for start in range(0, len(vectors), count):
        yield vectors[start : start + count]
