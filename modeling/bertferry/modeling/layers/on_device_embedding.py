"""An embedding table with lookup by gather or by one-hot product."""

from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.modeling.plain_call import plain_call


@tf_keras.utils.register_keras_serializable(package="Text")
class OnDeviceEmbedding(tf_keras.layers.Layer):
    """ids [B, S] → vectors [B, S, W], from a table `embeddings` [V, W].

    Args:
      vocab_size: V.
      embedding_width: W.
      initializer: of the table.
      use_one_hot: multiply one-hot rows by the table, which suits accelerators and small tables.
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_width: int,
        initializer: Any = "glorot_uniform",
        use_one_hot: bool = False,
        **arguments: Any,
    ) -> None:
        arguments.setdefault("dtype", "float32")
        super().__init__(**arguments)
        self._vocab_size = vocab_size
        self._embedding_width = embedding_width
        self._initializer = tf_keras.initializers.get(initializer)
        self._use_one_hot = use_one_hot

    def build(self, input_shape: Any) -> None:
        """Creates `embeddings`."""
        self.embeddings = self.add_weight(
            "embeddings", shape=[self._vocab_size, self._embedding_width], initializer=self._initializer
        )
        super().build(input_shape)

    @plain_call
    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """ids [B, S] → [B, S, W]."""
        ids = tf.cast(inputs, tf.int32)
        if self._use_one_hot:
            return tf.linalg.matmul(tf.one_hot(ids, self._vocab_size, dtype=self.compute_dtype), self.embeddings)
        return tf.gather(self.embeddings, ids)

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        """[B, S, W]."""
        return tf.TensorShape([*tf.TensorShape(input_shape), self._embedding_width])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as serializable values."""
        return {
            **super().get_config(),
            "vocab_size": self._vocab_size,
            "embedding_width": self._embedding_width,
            "initializer": tf_keras.initializers.serialize(self._initializer),
            "use_one_hot": self._use_one_hot,
        }
