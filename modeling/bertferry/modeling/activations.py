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


@tf_keras.utils.register_keras_serializable(package="Text")
def gelu_10(x: tf.Tensor) -> tf.Tensor:
    """The exact gelu between -10 and 10: Wu et al. 2020, for integer quantization."""
    return tf.clip_by_value(gelu_erf(x), -10.0, 10.0)


@tf_keras.utils.register_keras_serializable(package="Text")
def quick_gelu(x: tf.Tensor) -> tf.Tensor:
    """x·σ(1.702·x): Hendrycks & Gimpel 2016, the sigmoid approximation."""
    return x * tf.sigmoid(1.702 * x)


@tf_keras.utils.register_keras_serializable(package="Text")
def relu2(x: tf.Tensor) -> tf.Tensor:
    """relu(x)²: So et al. 2021."""
    return tf.square(tf.nn.relu(x))


@tf_keras.utils.register_keras_serializable(package="Text")
def relu6(x: tf.Tensor) -> tf.Tensor:
    """relu(x), at most 6: Krizhevsky 2010."""
    return tf.nn.relu6(x)


@tf_keras.utils.register_keras_serializable(package="Text")
def leaky_relu(x: tf.Tensor) -> tf.Tensor:
    """x, or 0.01·x below 0: Maas et al. 2013."""
    return tf.maximum(x, 0.01 * x)


@tf_keras.utils.register_keras_serializable(package="Text")
def hardswish(x: tf.Tensor) -> tf.Tensor:
    """x·relu6(x + 3)/6: Howard et al. 2019."""
    return x * tf.nn.relu6(x + 3.0) / 6.0


@tf_keras.utils.register_keras_serializable(package="Text")
def sqrtsoftplus(x: tf.Tensor) -> tf.Tensor:
    """√(log(1 + exp(x))), as in transformers."""
    return tf.sqrt(tf.math.softplus(x))


@tf_keras.utils.register_keras_serializable(package="Text")
def laplace(x: tf.Tensor) -> tf.Tensor:
    """½·(1 + erf((x - μ)/(σ·√2))) with μ 0.707107 and σ 0.282095: Ma et al. 2022."""
    return 0.5 * (1.0 + tf.math.erf((x - 0.707107) / (0.282095 * math.sqrt(2.0))))


ACTIVATION_FUNCTIONS: dict[str, Activation] = {
    "gelu_tanh": gelu_tanh,
    "gelu_erf": gelu_erf,
    "gelu_10": gelu_10,
    "quick_gelu": quick_gelu,
    "relu": tf_keras.activations.relu,
    "relu2": relu2,
    "relu6": relu6,
    "leaky_relu": leaky_relu,
    "tanh": tf_keras.activations.tanh,
    "sigmoid": tf_keras.activations.sigmoid,
    "silu": tf_keras.activations.swish,
    "hardswish": hardswish,
    "mish": tf_keras.activations.mish,
    "sqrtsoftplus": sqrtsoftplus,
    "laplace": laplace,
    "linear": tf_keras.activations.linear,
}


def get_activation(name: str) -> Activation:
    """The function for a name in `config.ACTIVATIONS`.

    Raises:
      KeyError: the name is not one of them.
    """
    return ACTIVATION_FUNCTIONS[name]
