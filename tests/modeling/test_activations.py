import numpy as np
import pytest
import tf_keras
from closeness import assert_close
from formulas import ACTIVATION_FORMULAS

from bertferry.core.config import ACTIVATIONS
from bertferry.modeling.activations import gelu_erf, gelu_tanh, get_activation

X = np.linspace(-12, 12, 49)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_its_formula(name):
    expected = [ACTIVATION_FORMULAS[name](x) for x in X]
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
