import math

import numpy as np
import pytest
import tf_keras
from closeness import assert_close

from bertferry.core.config import ACTIVATIONS
from bertferry.modeling.activations import gelu_erf, gelu_tanh, get_activation

X = np.linspace(-6, 6, 25)
FORMULAS = {
    "gelu_tanh": lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "gelu_erf": lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))),
    "relu": lambda x: max(x, 0),
    "tanh": math.tanh,
    "silu": lambda x: x / (1 + math.exp(-x)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_its_formula(name):
    expected = [FORMULAS[name](x) for x in X]
    assert_close(get_activation(name)(X), expected)


def test_the_two_gelus_differ():
    assert np.abs(gelu_tanh(X) - gelu_erf(X)).max() > 1e-4


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_survives_serialization(name):
    config = tf_keras.activations.serialize(get_activation(name))
    assert tf_keras.activations.get(config) is get_activation(name)


def test_an_unknown_activation_is_a_key_error():
    with pytest.raises(KeyError):
        get_activation("gelu")
