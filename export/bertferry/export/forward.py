"""The encoder of Devlin et al., 2018, with the switches of its family, as plain TensorFlow operations.

This is what a Hub module computes from named parameters, without Keras or custom operations. The networks of
`bertferry.modeling` are an independent implementation of the same function, so comparing the two checks both. The
tensors at which a verifier may cut the graph have fixed names: `embeddings`, `layer_0/attention`, …, `pooler`.

In half precision, matrix products are computed in the parameters' type; layer normalizations, softmax and
activations, whose intermediate values can exceed float16's range, in float32.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add

import tensorflow as tf

from bertferry.core.config import MASKED_SCORE, EncoderConfig
from bertferry.export.positions import position_embeddings, relative_bias
from bertferry.modeling.activations import get_activation

Dropout = Callable[[tf.Tensor, float], tf.Tensor]


@dataclass(frozen=True)
class Encoded:
    """An encoder's outputs in its parameters' type: sequence [B, S, H], pooled [B, H] or None without a pooler,
    and each block's output [B, S, H]; `named` are the tensors at which the graph can be cut, and each block's
    `probabilities` of attention."""

    sequence: tf.Tensor
    pooled: tf.Tensor | None
    layers: list[tf.Tensor]
    named: dict[str, tf.Tensor]


def encode(
    parameters: Mapping[str, tf.Variable],
    config: EncoderConfig,
    word_ids: tf.Tensor,
    mask: tf.Tensor,
    type_ids: tf.Tensor,
    *,
    training: bool,
    shared: bool = False,
) -> Encoded:
    """Runs the encoder.

    Args:
      parameters: the canonical parameters of `bertferry.core.parameters`, in their canonical shapes.
      config: sizes, activation and dropout rates.
      word_ids, mask, type_ids: int32 [B, S]; mask is 1 for tokens and 0 for padding.
      training: whether dropout is on.
      shared: make the block a function of its own, which every layer calls with its weights: a graph of twelve
        layers is hardly larger than one of two.
    """
    dropout = dropout_for(training)
    hidden = _embed(parameters, config, word_ids, type_ids, dropout)
    named: dict[str, tf.Tensor] = {}
    hidden = named["embeddings"] = tf.identity(hidden, name="embeddings")
    bias = _attention_bias(tf.cast(mask, tf.float32))
    if config.switches.relative_positions:
        bias += relative_bias(parameters["embeddings/relative"], tf.shape(word_ids)[1])

    def block(
        weights: Mapping[str, tf.Variable], hidden: tf.Tensor, bias: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return Block(weights, config, dropout, _Shapes.of(hidden, config)).run(hidden, bias)

    run = tf.function(block, autograph=False) if shared else block
    layers = []
    for number in range(config.num_layers):
        weights = _below(config.block(number), parameters)
        if shared:  # TensorFlow Lite would take the first layer's variables for those of all
            weights = {name: tf.convert_to_tensor(weight) for name, weight in weights.items()}
        with tf.name_scope(f"layer_{number}"):
            hidden, probabilities = run(weights, hidden, bias)
        named |= {f"layer_{number}/output": hidden, f"layer_{number}/probabilities": probabilities}
        layers.append(hidden)
    pooled = None
    if "pooler/kernel" in parameters:
        pooled = named["pooler"] = tf.identity(pool(parameters, config, hidden), name="pooler")
    return Encoded(hidden, pooled, layers, named)


def _below(place: str, parameters: Mapping[str, tf.Variable]) -> dict[str, tf.Variable]:
    """The parameters of a part of the encoder, by their names in it."""
    return {
        name.removeprefix(f"{place}/"): parameter
        for name, parameter in parameters.items()
        if name.startswith(f"{place}/")
    }


def _attention_bias(mask: tf.Tensor) -> tf.Tensor:
    """The bias to add to the scores, [B, 1, 1, S]: 0 for tokens, -10000 for padding.

    Softmax is invariant to a constant added to all scores, so a row of padding only gets 0 throughout: adding
    -10000 would merely round its scores to steps of 1e-3.
    """
    bias = (1.0 - mask) * MASKED_SCORE
    shifted = bias - tf.reduce_max(bias, axis=-1, keepdims=True)
    # LiteRT's converter refuses the same as a slice with two new axes.
    return tf.expand_dims(tf.expand_dims(shifted, 1), 1)


def _embed(
    parameters: Mapping[str, tf.Variable],
    config: EncoderConfig,
    word_ids: tf.Tensor,
    type_ids: tf.Tensor,
    dropout: Dropout,
) -> tf.Tensor:
    """The normalized sum of the embeddings, projected if they are, [B, S, H]; without segments, `type_ids` have no
    effect."""
    terms = [tf.gather(parameters["embeddings/word"], word_ids), position_embeddings(parameters, config, word_ids)]
    if config.switches.has_segments:
        terms.append(tf.gather(parameters["embeddings/segment"], type_ids))
    normed = layer_norm(reduce(add, terms), parameters, "embeddings/norm", config.layer_norm_eps)
    kept = dropout(normed, config.dropout_rate)
    return dense(kept, parameters, "embeddings/projection") if config.is_projected else kept


def pool(parameters: Mapping[str, tf.Variable], config: EncoderConfig, hidden: tf.Tensor) -> tf.Tensor:
    """The first position through the pooler, [B, H]."""
    scores = dense(hidden[:, 0, :], parameters, "pooler")
    activation = config.switches.pooler_activation
    if activation == "tanh":  # whose values need no more bits than it is given
        return tf.tanh(scores)
    return activate(scores, activation)


@dataclass(frozen=True)
class _Shapes:
    """Shapes of activations with heads merged [B, S, H] and split [B, S, N, D], the axis order that swaps S and N,
    shapes of kernels and biases with heads merged."""

    merged: tf.Tensor
    split: tf.Tensor
    swapped: tf.Tensor
    kernel: tf.Tensor
    bias: tf.Tensor

    @classmethod
    def of(cls, hidden: tf.Tensor, config: EncoderConfig) -> "_Shapes":
        merged = tf.shape(hidden)
        heads = tf.constant([config.num_attention_heads, config.head_size])
        split = tf.concat([merged[:2], heads], axis=0)
        size = config.hidden_size
        return cls(merged, split, tf.constant([0, 2, 1, 3]), tf.constant([size, size]), tf.constant([size]))


@dataclass(frozen=True)
class Block:
    """One post-LayerNorm transformer block; its `parameters` have their names below the block."""

    parameters: Mapping[str, tf.Variable]
    config: EncoderConfig
    dropout: Dropout
    shapes: _Shapes

    def run(self, hidden: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes the block's output, and the probabilities of its attention."""
        config, dropout = self.config, self.dropout
        context, probabilities = self._attend(hidden, bias)
        attended = self._project(context, "output")
        attended = tf.identity(dropout(attended, config.dropout_rate), name="attention")
        epsilon = config.layer_norm_eps
        normed = layer_norm(attended + hidden, self.parameters, "attention/norm", epsilon)
        normed = tf.identity(normed, name="attention_norm")
        inner = activate(dense(normed, self.parameters, "intermediate"), config.activation)
        outer = dropout(dense(inner, self.parameters, "output"), config.dropout_rate)
        output = layer_norm(outer + normed, self.parameters, "output/norm", epsilon)
        return tf.identity(output, name="output"), probabilities

    def _attend(self, hidden: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scaled dot-product attention; returns the contexts of all heads concatenated, [B, S, H], and the
        probabilities before dropout, float32 [B, N, S, S]."""
        query, key, value = (self._heads(hidden, part) for part in ("query", "key", "value"))
        scores = tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32) * self.config.head_size**-0.5
        probabilities = tf.nn.softmax(scores + bias)
        kept = tf.cast(self.dropout(probabilities, self.config.attention_dropout_rate), hidden.dtype)
        context = tf.transpose(tf.matmul(kept, value), self.shapes.swapped)
        return tf.reshape(context, self.shapes.merged), probabilities

    def _heads(self, hidden: tf.Tensor, part: str) -> tf.Tensor:
        """The projection for every head: [B, N, S, D]."""
        projected = self._project(hidden, part)
        return tf.transpose(tf.reshape(projected, self.shapes.split), self.shapes.swapped)

    def _project(self, inputs: tf.Tensor, part: str) -> tf.Tensor:
        """A projection of the attention, with the kernel's heads merged: [B, S, H] → [B, S, H]."""
        kernel, bias = (self.parameters[f"attention/{part}/{name}"] for name in ("kernel", "bias"))
        if len(kernel.shape) > 2:
            kernel = tf.reshape(kernel, self.shapes.kernel)
        if len(bias.shape) > 1:
            bias = tf.reshape(bias, self.shapes.bias)
        return tf.linalg.matmul(inputs, kernel) + bias


def dense(inputs: tf.Tensor, parameters: Mapping[str, tf.Variable], place: str) -> tf.Tensor:
    """inputs · kernel + bias: [..., H] → [..., W]."""
    return tf.linalg.matmul(inputs, parameters[f"{place}/kernel"]) + parameters[f"{place}/bias"]


def activate(inputs: tf.Tensor, activation: str) -> tf.Tensor:
    """One of the activations of `bertferry.core.config`, computed in float32."""
    return tf.cast(get_activation(activation)(tf.cast(inputs, tf.float32)), inputs.dtype)


def layer_norm(inputs: tf.Tensor, parameters: Mapping[str, tf.Variable], place: str, epsilon: float) -> tf.Tensor:
    """Layer normalization over the last axis (Ba et al., 2016), computed in float32."""
    wide = tf.cast(inputs, tf.float32)
    gamma, beta = (tf.cast(parameters[f"{place}/{name}"], tf.float32) for name in ("gamma", "beta"))
    centered = wide - tf.reduce_mean(wide, axis=-1, keepdims=True)
    variance = tf.reduce_mean(tf.square(centered), axis=-1, keepdims=True)
    return tf.cast(centered * tf.math.rsqrt(variance + epsilon) * gamma + beta, inputs.dtype)


def dropout_for(training: bool) -> Dropout:
    """A function of inputs and rate that applies dropout in training only."""
    return _dropout if training else _no_dropout


def _dropout(inputs: tf.Tensor, rate: float) -> tf.Tensor:
    return tf.nn.dropout(inputs, rate) if rate else inputs


def _no_dropout(inputs: tf.Tensor, rate: float) -> tf.Tensor:
    return inputs
