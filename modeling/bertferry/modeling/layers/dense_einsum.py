"""A dense layer over several axes at once."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.modeling.layers.weight_options import split_options
from bertferry.modeling.plain_call import plain_call

LETTERS = "abcdefghijklm"


@tf_keras.utils.register_keras_serializable(package="Text")
class DenseEinsum(tf_keras.layers.Layer):
    """einsum of the last input axes with a kernel, plus a bias, through an activation.

    Args:
      output_shape: size or sizes of the axes that replace the summed ones.
      num_summed_dimensions: how many trailing axes of the input are summed over.
      activation: a Keras activation, its name or its config.
      use_bias: whether a bias of `output_shape` is added.
      **arguments: kernel/bias initializer, regularizer and constraint, and the arguments of a Keras layer.

    Call: `[..., summed axes]` → `[..., *output_shape]`. The kernel's shape is `[summed axes..., *output_shape]`.
    """

    def __init__(
        self,
        output_shape: int | Sequence[int],
        num_summed_dimensions: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        **arguments: Any,
    ) -> None:
        self._options, arguments = split_options(arguments)
        super().__init__(**arguments)
        self._output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self._num_summed_dimensions = num_summed_dimensions
        self._activation = tf_keras.activations.get(activation)
        self._use_bias = use_bias

    def build(self, input_shape: Any) -> None:
        """Creates `kernel` and `bias` for inputs of this shape."""
        shape = tf.TensorShape(input_shape).as_list()
        kept = len(shape) - self._num_summed_dimensions
        inputs, outputs = LETTERS[: len(shape)], LETTERS[len(shape) :][: len(self._output_shape)]
        self._einsum_string = f"{inputs},{inputs[kept:]}{outputs}->{inputs[:kept]}{outputs}"
        self._kernel_shape = (*shape[kept:], *self._output_shape)
        options = self._options
        self._kernel = self.add_weight(
            "kernel",
            shape=self._kernel_shape,
            initializer=options.kernel_initializer,
            regularizer=options.kernel_regularizer,
            constraint=options.kernel_constraint,
        )
        self._bias = None
        if self._use_bias:
            self._bias = self.add_weight(
                "bias",
                shape=self._output_shape,
                initializer=options.bias_initializer,
                regularizer=options.bias_regularizer,
                constraint=options.bias_constraint,
            )
        super().build(input_shape)

    @plain_call
    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """`[..., summed axes]` → `[..., *output_shape]`."""
        outputs = tf.einsum(self._einsum_string, inputs, self._kernel)
        if self._bias is not None:
            outputs += self._bias
        return self._activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        """The input's shape with the summed axes replaced by the output's."""
        kept = tf.TensorShape(input_shape).as_list()[: -self._num_summed_dimensions]
        return tf.TensorShape([*kept, *self._output_shape])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as serializable values."""
        return {
            **super().get_config(),
            "output_shape": list(self._output_shape),
            "num_summed_dimensions": self._num_summed_dimensions,
            "activation": tf_keras.activations.serialize(self._activation),
            "use_bias": self._use_bias,
            "activity_regularizer": tf_keras.regularizers.serialize(self.activity_regularizer),
            **self._options.get_config(),
        }
