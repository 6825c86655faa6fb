"""The vector of a sequence, with another activation than BERT's."""

from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.modeling.layers.precision import at_least_float32
from bertferry.modeling.plain_call import plain_call


@tf_keras.utils.register_keras_serializable(package="Text")
class Pooler(tf_keras.layers.Layer):
    """Vectors [B, S, H] → the first position's through a dense layer [B, H], in float32 at least.

    Its weights are those of a layer of its own, so that no checkpoint of it is restored where the activation is
    BERT's, that of a plain dense layer.

    Args:
      activation: a Keras activation, its name or its config.
      kernel_initializer: for the kernel.
    """

    def __init__(self, activation: Any, kernel_initializer: Any = "glorot_uniform", **arguments: Any) -> None:
        super().__init__(**arguments)
        self._activation = tf_keras.activations.get(activation)
        self._kernel_initializer = tf_keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        """Creates the dense layer."""
        self._dense = tf_keras.layers.Dense(
            tf.TensorShape(input_shape)[-1],
            activation=self._activation,
            kernel_initializer=self._kernel_initializer,
            dtype=at_least_float32(self.compute_dtype),
            name="dense",
        )
        super().build(input_shape)

    @plain_call
    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[B, S, H] → [B, H]."""
        return tf.cast(self._dense(inputs[:, 0]), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        """[B, H]."""
        batch, _, hidden = tf.TensorShape(input_shape)
        return tf.TensorShape([batch, hidden])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as serializable values."""
        return {
            **super().get_config(),
            "activation": tf_keras.activations.serialize(self._activation),
            "kernel_initializer": tf_keras.initializers.serialize(self._kernel_initializer),
        }
