"""BERT's initial values for the parameters of a head that a file lacks and that is about to be trained."""

from collections.abc import Mapping
from math import prod

import numpy as np

from bertferry.core import axes
from bertferry.core.parameters import canonical_axes


def initial_value(parameter: str, sizes: Mapping[str, int], stddev: float) -> np.ndarray:
    """Biases 0, gammas 1, kernels from a truncated normal: the same every time."""
    shape = axes.shape(canonical_axes(parameter), sizes)
    role = parameter.rpartition("/")[2]
    if role != "kernel":
        return np.full(shape, 1.0 if role == "gamma" else 0.0, np.float32)
    rng = np.random.default_rng(list(parameter.encode()))
    samples = rng.standard_normal(prod(shape))
    while (truncated := np.abs(samples) > 2).any():
        samples[truncated] = rng.standard_normal(int(truncated.sum()))
    return (stddev * samples).reshape(shape).astype(np.float32)
