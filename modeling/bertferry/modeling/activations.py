"""The activations of `config.ACTIVATIONS`, each serializable by Keras."""

import math
from collections.abc import Callable

import tensorflow as tf
import tf_keras

Activation = Callable[[tf.Tensor], tf.Tensor]


@tf_keras.utils.register_keras_serializable(package="Text")
def gelu_tanh(x: tf.Tensor) -> tf.Tensor:
    """0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))): Hendrycks & Gimpel 2016, as in google-research/bert."""
    return 0.5 * x * (1.0 + tf.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


@tf_keras.utils.register_keras_serializable(package="Text")
def gelu_erf(x: tf.Tensor) -> tf.Tensor:
    """0.5·x·(1 + erf(x/√2)), the exact form.

    Written out, because `tf.nn.gelu` traces to `Erfc`, which no ONNX converter supports.
    """
    return 0.5 * x * (1.0 + tf.math.erf(x * math.sqrt(0.5)))


ACTIVATION_FUNCTIONS: dict[str, Activation] = {
    "gelu_tanh": gelu_tanh,
    "gelu_erf": gelu_erf,
    "relu": tf_keras.activations.relu,
    "tanh": tf_keras.activations.tanh,
    "silu": tf_keras.activations.swish,
}


def get_activation(name: str) -> Activation:
    """The function for a name in `config.ACTIVATIONS`.

    Raises:
      KeyError: the name is not one of them.
    """
    return ACTIVATION_FUNCTIONS[name]
