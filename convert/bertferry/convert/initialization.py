"""What BERT starts its parameters from, where a file lacks a head that somebody is about to train."""

from collections.abc import Mapping
from math import prod

import numpy as np

from bertferry.core import axes
from bertferry.core.parameters import canonical_axes


def initial_value(parameter: str, sizes: Mapping[str, int], stddev: float) -> np.ndarray:
    """Biases 0, gammas 1, kernels a truncated normal: the same every time."""
    size = axes.shape(canonical_axes(parameter), sizes)
    kind = parameter.rpartition("/")[2]
    if kind != "kernel":
        return np.full(size, 1.0 if kind == "gamma" else 0.0, np.float32)
    rng = np.random.default_rng(list(parameter.encode()))
    drawn = rng.standard_normal(prod(size))
    while (far := np.abs(drawn) > 2).any():
        drawn[far] = rng.standard_normal(int(far.sum()))
    return (stddev * drawn).reshape(size).astype(np.float32)
