"""A small encoder, its inputs and random weights, shared by the tests of the networks."""

import numpy as np

from bertferry.modeling.networks import TransformerEncoder

RNG = np.random.default_rng(0)
BATCH, LENGTH, PREDICTIONS = 2, 7, 3


def encoder(**changes):
    sizes = {
        "vocab_size": 30,
        "hidden_size": 8,
        "num_layers": 2,
        "num_attention_heads": 2,
        "sequence_length": None,
        "max_sequence_length": 16,
        "type_vocab_size": 3,
        "intermediate_size": 12,
    }
    return TransformerEncoder(**{**sizes, **changes})


def inputs(length=LENGTH):
    mask = np.ones((BATCH, length), np.int32)
    mask[1, length // 2 :] = 0
    return [RNG.integers(0, 30, (BATCH, length), np.int32), mask, RNG.integers(0, 3, (BATCH, length), np.int32)]


def randomize(model):
    """Randomizes every weight, norms and biases included: initial values would hide a swap."""
    model.set_weights([RNG.normal(0, 0.5, weight.shape) for weight in model.get_weights()])
    return model


POSITIONS = RNG.integers(0, LENGTH, (BATCH, PREDICTIONS), np.int32)
