"""Multi-head scaled dot-product attention (Vaswani et al., 2017)."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.modeling.layers.dense_einsum import DenseEinsum
from bertferry.modeling.layers.masked_softmax import MaskedSoftmax
from bertferry.modeling.layers.precision import at_least_float32
from bertferry.modeling.layers.weight_options import split_options
from bertferry.modeling.plain_call import plain_call


@tf_keras.utils.register_keras_serializable(package="Text")
class Attention(tf_keras.layers.Layer):
    """Attention of `from` [B, F, H] over `to` [B, T, H], optionally under a mask [B, F, T] of ones and zeros and
    with a bias [1, N, F, T] that is added to the scores.

    Call: `[from, to]`, `[from, to, mask]` or `[from, to, mask, bias]` → the heads' contexts [B, F, N, D].

    Args:
      num_heads: N.
      head_size: D.
      dropout_rate: of the attention probabilities.
      **arguments: kernel/bias initializer, regularizer and constraint of the three projections, and the arguments
        of a Keras layer.
    """

    def __init__(self, num_heads: int, head_size: int, dropout_rate: float = 0.0, **arguments: Any) -> None:
        self._options, arguments = split_options(arguments)
        super().__init__(**arguments)
        self._num_heads = num_heads
        self._head_size = head_size
        self._dropout_rate = dropout_rate
        self._query_dense = self._projection("query")
        self._key_dense = self._projection("key")
        self._value_dense = self._projection("value")
        # In float16, adding the mask's -10000 to a score would lose its last digits.
        self._masked_softmax = MaskedSoftmax(mask_expansion_axes=[1], dtype=at_least_float32(self.compute_dtype))
        self._dropout = tf_keras.layers.Dropout(dropout_rate, dtype=self.dtype_policy)

    def _projection(self, name: str) -> DenseEinsum:
        return DenseEinsum(
            output_shape=(self._num_heads, self._head_size),
            name=name,
            dtype=self.dtype_policy,
            **self._options.arguments(),
        )

    def parts(self) -> dict[str, DenseEinsum]:
        """The projections by the last part of their parameters' canonical names."""
        return {"query": self._query_dense, "key": self._key_dense, "value": self._value_dense}

    @property
    def softmax(self) -> MaskedSoftmax:
        """The layer that returns the probabilities of attention [B, N, F, T]."""
        return self._masked_softmax

    @plain_call
    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """`[from, to]`, `[from, to, mask]` or `[from, to, mask, bias]` → contexts [B, F, N, D]."""
        from_tensor, to_tensor = inputs[0], inputs[1]
        mask = inputs[2] if len(inputs) > 2 else None
        query = self._query_dense(from_tensor)
        key = self._key_dense(to_tensor)
        value = self._value_dense(to_tensor)
        scores = tf.einsum("btnd,bfnd->bnft", key, query) * (1.0 / math.sqrt(self._head_size))
        if len(inputs) > 3:
            wider = at_least_float32(self.compute_dtype)
            scores = tf.cast(scores, wider) + tf.cast(inputs[3], wider)
        probabilities = tf.cast(self._masked_softmax([scores, mask]), value.dtype)
        return tf.einsum("bnft,btnd->bfnd", self._dropout(probabilities), value)

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        """[B, F, N, D]."""
        return tf.TensorShape([*tf.TensorShape(input_shape[0])[:2], self._num_heads, self._head_size])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as serializable values."""
        return {
            **super().get_config(),
            "num_heads": self._num_heads,
            "head_size": self._head_size,
            "dropout_rate": self._dropout_rate,
            "activity_regularizer": tf_keras.regularizers.serialize(self.activity_regularizer),
            **self._options.get_config(),
        }
