"""Learned position embeddings."""

from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.modeling.plain_call import plain_call


@tf_keras.utils.register_keras_serializable(package="Text")
class PositionEmbedding(tf_keras.layers.Layer):
    """Embedded words [B, S, W] → the vectors of their positions [1, S, W].

    Args:
      initializer: of the table.
      use_dynamic_slicing: the table has `max_sequence_length` rows, of which the first S are returned; otherwise
        the table has S rows.
      max_sequence_length: rows of the table; with dynamic slicing only.

    Raises:
      ValueError: dynamic slicing without a maximum, a maximum without dynamic slicing, S unknown without it, an
        input longer than the maximum, or an input that is not rank 3.
    """

    def __init__(
        self,
        initializer: Any = "glorot_uniform",
        use_dynamic_slicing: bool = False,
        max_sequence_length: int | None = None,
        **arguments: Any,
    ) -> None:
        arguments.setdefault("dtype", "float32")
        super().__init__(**arguments)
        if use_dynamic_slicing and max_sequence_length is None:
            raise ValueError("With use_dynamic_slicing, max_sequence_length must be set.")
        if not use_dynamic_slicing and max_sequence_length is not None:
            raise ValueError("Without use_dynamic_slicing, max_sequence_length must not be set.")
        self._initializer = tf_keras.initializers.get(initializer)
        self._use_dynamic_slicing = use_dynamic_slicing
        self._max_sequence_length = max_sequence_length

    def build(self, input_shape: Any) -> None:
        """Creates `embeddings`."""
        shape = tf.TensorShape(input_shape).as_list()
        if len(shape) != 3:
            raise ValueError(f"PositionEmbedding expects an input of rank 3 [B, S, W], got {shape}.")
        length = self._max_sequence_length if self._use_dynamic_slicing else shape[1]
        if length is not None and shape[1] is not None and shape[1] > length:
            raise ValueError(f"The sequence length {shape[1]} exceeds max_sequence_length {length}.")
        if length is None:
            raise ValueError("Without use_dynamic_slicing, the input's sequence length must be known.")
        self._position_embeddings = self.add_weight(
            "embeddings", shape=[length, shape[2]], initializer=self._initializer
        )
        super().build(input_shape)

    @plain_call
    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[B, S, W] → [1, S, W]."""
        table = self._position_embeddings
        if self._use_dynamic_slicing:
            table = table[: tf.shape(inputs)[1]]
            table.set_shape([inputs.shape[1], inputs.shape[2]])
        return table[tf.newaxis]

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        """[1, S, W]."""
        return tf.TensorShape([1, *tf.TensorShape(input_shape)[1:]])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as serializable values."""
        return {
            **super().get_config(),
            "initializer": tf_keras.initializers.serialize(self._initializer),
            "use_dynamic_slicing": self._use_dynamic_slicing,
            "max_sequence_length": self._max_sequence_length,
        }
