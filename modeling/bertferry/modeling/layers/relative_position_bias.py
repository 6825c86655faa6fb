"""The bias of attention by relative position, as `bertferry.core.relative_positions` describes it."""

from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.core.relative_positions import BUCKET_OF_DISTANCE, BUCKETS, FARTHEST
from bertferry.modeling.plain_call import plain_call


@tf_keras.utils.register_keras_serializable(package="Text")
class RelativePositionBias(tf_keras.layers.Layer):
    """Data [B, S, ...] → what to add to the scores of every layer's attention [1, N, S, S].

    Its values are a table `embeddings` [32, N], one row per bucket of distances.

    Args:
      num_heads: N.
      initializer: of the table.
    """

    def __init__(self, num_heads: int, initializer: Any = "glorot_uniform", **arguments: Any) -> None:
        super().__init__(**arguments)
        self._num_heads = num_heads
        self._initializer = tf_keras.initializers.get(initializer)

    def build(self, input_shape: Any) -> None:
        """Creates `embeddings`."""
        self.embeddings = self.add_weight(
            "embeddings", shape=[BUCKETS, self._num_heads], initializer=self._initializer
        )
        super().build(input_shape)

    @plain_call
    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[B, S, ...] → [1, N, S, S]."""
        places = tf.range(tf.shape(inputs)[1])
        after = places - places[:, tf.newaxis]  # of each key from each query
        buckets = tf.gather(tf.constant(BUCKET_OF_DISTANCE), tf.minimum(tf.abs(after), FARTHEST))
        buckets += tf.cast(after > 0, tf.int32) * (BUCKETS // 2)
        return tf.transpose(tf.gather(self.embeddings, buckets), [2, 0, 1])[tf.newaxis]

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        """[1, N, S, S]."""
        length = tf.TensorShape(input_shape)[1]
        return tf.TensorShape([1, self._num_heads, length, length])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as serializable values."""
        return {
            **super().get_config(),
            "num_heads": self._num_heads,
            "initializer": tf_keras.initializers.serialize(self._initializer),
        }
