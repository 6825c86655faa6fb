"""Helpers of the modeling tests: a small configuration, and random weights everywhere."""

import numpy as np
import pytest

from bertferry.core.config import EncoderConfig


@pytest.fixture(scope="session")
def config():
    """The sizes of the golden checkpoints; axes that may differ in size do."""
    return EncoderConfig(30, 8, 2, 2, 12, 16, 3, "gelu_tanh")


@pytest.fixture(scope="session")
def fill():
    """Fills every weight with random values: zero biases and unit gammas hide where they went."""

    def fill(model, seed=0):
        generator = np.random.default_rng(seed)
        for variable in model.weights:
            offset = 1.0 if "gamma" in variable.name else 0.0
            variable.assign(offset + generator.normal(scale=0.3, size=variable.shape))
        return model

    return fill


@pytest.fixture
def arrays():
    """Token ids, a mask with padding, and segments: int32 [2, 7]."""
    generator = np.random.default_rng(1)
    return {
        "input_word_ids": generator.integers(0, 30, [2, 7], dtype=np.int32),
        "input_mask": np.array([[1] * 7, [1] * 4 + [0] * 3], np.int32),
        "input_type_ids": generator.integers(0, 3, [2, 7], dtype=np.int32),
    }
