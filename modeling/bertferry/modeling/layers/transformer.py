"""One block of a post-LayerNorm transformer encoder (Devlin et al., 2018)."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.core.config import LAYER_NORM_EPSILON
from bertferry.modeling.layers.attention import Attention
from bertferry.modeling.layers.dense_einsum import DenseEinsum
from bertferry.modeling.layers.masked_softmax import MaskedSoftmax
from bertferry.modeling.layers.precision import at_least_float32
from bertferry.modeling.layers.weight_options import split_options
from bertferry.modeling.plain_call import plain_call


@tf_keras.utils.register_keras_serializable(package="Text")
class Transformer(tf_keras.layers.Layer):
    """Self-attention and a feed-forward network, each with residual and LayerNorm.

    Call: `data [B, S, H]`, `[data, mask [B, S, S]]` or `[data, mask, bias]` → [B, S, H]; the bias [1, N, S, S] is
    added to the scores of attention.

    In float16 the LayerNorms, the residual sums, the softmax and the intermediate dense layer with its
    activation are computed in float32: an ε of 1e-12 and the tails of gelu underflow in float16.

    Args:
      num_attention_heads: N; must divide H.
      intermediate_size: I.
      intermediate_activation: a Keras activation, its name or its config.
      dropout_rate: after attention and after the feed-forward network.
      attention_dropout_rate: of the attention probabilities.
      layer_norm_epsilon: ε of both LayerNorms.
      **arguments: kernel/bias initializer, regularizer and constraint of every dense layer, and the arguments of a
        Keras layer.

    Raises:
      ValueError: an input that is not rank 3, a mask that is not [B, S, S], or heads that do not divide H.
    """

    def __init__(
        self,
        num_attention_heads: int,
        intermediate_size: int,
        intermediate_activation: Any,
        dropout_rate: float = 0.0,
        attention_dropout_rate: float = 0.0,
        *,
        layer_norm_epsilon: float = LAYER_NORM_EPSILON,
        **arguments: Any,
    ) -> None:
        self._options, arguments = split_options(arguments)
        super().__init__(**arguments)
        self._num_heads = num_attention_heads
        self._intermediate_size = intermediate_size
        self._intermediate_activation = tf_keras.activations.get(intermediate_activation)
        self._dropout_rate = dropout_rate
        self._attention_dropout_rate = attention_dropout_rate
        self._layer_norm_epsilon = layer_norm_epsilon

    def build(self, input_shape: Any) -> None:
        """Creates the sub-layers for data of this shape."""
        hidden = self._hidden_size(tf.TensorShape(_split(input_shape)[0]))
        policy = self.dtype_policy
        self._attention_layer = Attention(
            num_heads=self._num_heads,
            head_size=hidden // self._num_heads,
            dropout_rate=self._attention_dropout_rate,
            dtype=policy,
            name="self_attention",
            **self._options.arguments(),
        )
        self._attention_output_dense = DenseEinsum(
            output_shape=hidden,
            num_summed_dimensions=2,
            dtype=policy,
            name="self_attention_output",
            **self._options.arguments(),
        )
        self._attention_dropout = tf_keras.layers.Dropout(self._dropout_rate, dtype=policy)
        self._attention_layer_norm = self._layer_norm("self_attention_layer_norm")
        self._intermediate_dense = DenseEinsum(
            output_shape=self._intermediate_size,
            activation=self._intermediate_activation,
            dtype=at_least_float32(self.compute_dtype),
            name="intermediate",
            **self._options.arguments(),
        )
        self._output_dense = DenseEinsum(
            output_shape=hidden, dtype=policy, name="output", **self._options.arguments()
        )
        self._output_dropout = tf_keras.layers.Dropout(self._dropout_rate, dtype=policy)
        self._output_layer_norm = self._layer_norm("output_layer_norm")
        super().build(input_shape)

    def parts(self) -> dict[str, tf_keras.layers.Layer]:
        """The sub-layers that have weights, once built, by their place in canonical parameter names.

        Their attributes are the keys of object-based checkpoints, so they keep their names of 2019.
        """
        projections = self._attention_layer.parts()
        return {
            **{f"attention/{name}": layer for name, layer in projections.items()},
            "attention/output": self._attention_output_dense,
            "attention/norm": self._attention_layer_norm,
            "intermediate": self._intermediate_dense,
            "output": self._output_dense,
            "output/norm": self._output_layer_norm,
        }

    @property
    def softmax(self) -> MaskedSoftmax:
        """The layer that returns the probabilities of attention [B, N, S, S], once built."""
        return self._attention_layer.softmax

    def _layer_norm(self, name: str) -> tf_keras.layers.LayerNormalization:
        return tf_keras.layers.LayerNormalization(
            name=name, axis=-1, epsilon=self._layer_norm_epsilon, dtype=at_least_float32(self.compute_dtype)
        )

    def _hidden_size(self, data: tf.TensorShape) -> int:
        if data.rank != 3:
            raise ValueError(f"Transformer expects data of rank 3 [B, S, H], got {data}.")
        hidden = int(data[2])
        if hidden % self._num_heads:
            raise ValueError(f"The hidden size {hidden} is not a multiple of the {self._num_heads} heads.")
        return hidden

    @plain_call
    def call(self, inputs: Any) -> tf.Tensor:
        """`data`, `[data, mask]` or `[data, mask, bias]` → [B, S, H]."""
        data, *terms = _split(inputs)
        if terms and terms[0] is not None:
            _check_mask(data.shape, terms[0].shape)
        attended = self._attention_layer([data, data, *terms])
        attended = self._attention_dropout(self._attention_output_dense(attended))
        wider = at_least_float32(self.compute_dtype)
        residual = tf.cast(data, wider) + tf.cast(attended, wider)
        normed = self._attention_layer_norm(residual)
        output = self._output_dense(self._intermediate_dense(normed))
        output = tf.cast(self._output_dropout(output), wider)
        return tf.cast(self._output_layer_norm(output + normed), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        """The shape of the data: [B, S, H]."""
        return tf.TensorShape(_split(input_shape)[0])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as serializable values; the layer of 2019 had no other ε."""
        epsilon = self._layer_norm_epsilon
        return {
            **super().get_config(),
            "num_attention_heads": self._num_heads,
            "intermediate_size": self._intermediate_size,
            "intermediate_activation": tf_keras.activations.serialize(self._intermediate_activation),
            "dropout_rate": self._dropout_rate,
            "attention_dropout_rate": self._attention_dropout_rate,
            **({} if epsilon == LAYER_NORM_EPSILON else {"layer_norm_epsilon": epsilon}),
            "activity_regularizer": tf_keras.regularizers.serialize(self.activity_regularizer),
            **self._options.get_config(),
        }


def _check_mask(data: tf.TensorShape, mask: tf.TensorShape) -> None:
    batch, length, _ = data
    expected = tf.TensorShape([batch, length, length])
    if not expected.is_compatible_with(mask):
        raise ValueError(
            f"When passing a mask tensor to Transformer, it must have the shape [B, S, S], here {expected}; "
            f"got {mask}."
        )


def _split(value: Any) -> Sequence[Any]:
    """The parts of `data`, `[data, mask]` or `[data, mask, bias]`, tensors or their shapes."""
    several = isinstance(value, Sequence) and len(value) in (2, 3) and not isinstance(value[0], int | None)
    return value if several else [value]
