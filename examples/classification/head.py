"""The initial values of a new head: the same in TensorFlow and PyTorch."""

import numpy as np

DEVIATION = 0.02
"""As in 2018 (google-research/bert, run_classifier.py), where values beyond two of it are drawn again."""


def initial_kernel(hidden: int, classes: int, seed: int) -> np.ndarray:
    """The kernel [hidden, classes] of a new head; its bias is 0."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, DEVIATION, (hidden, classes))
    while (far := np.abs(values) > 2 * DEVIATION).any():
        values[far] = rng.normal(0, DEVIATION, int(far.sum()))
    return values.astype(np.float32)
