"""From a mask over tokens to a mask over pairs of tokens."""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras

from bertferry.modeling.plain_call import plain_call


@tf_keras.utils.register_keras_serializable(package="Text")
class SelfAttentionMask(tf_keras.layers.Layer):
    """`[data [B, F, ...], mask [B, T]]` → [B, F, T] in data's type: every position may attend to the kept ones."""

    @plain_call
    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Repeats the mask for each of the F positions."""
        data, mask = inputs
        rows = tf.ones([tf.shape(data)[0], tf.shape(data)[1], 1], dtype=data.dtype)
        return rows * tf.cast(mask, data.dtype)[:, tf.newaxis, :]
