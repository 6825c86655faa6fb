"""The steps of an encoder as layers of a functional network, by the arguments of `TransformerEncoder`.

The order in which layers are created determines the keys of the `keras_bert` checkpoint layout.
"""

from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.modeling import layers
from bertferry.modeling.layers.precision import at_least_float32
from bertferry.modeling.networks.serialization import copy_initializer

BLOCK, SHARED_BLOCK = "transformer/layer_{}", "transformer/layer"
"""Names of a layer's block, and of that of all layers."""
Arguments = dict[str, Any]
"""Those of `TransformerEncoder` by name."""


def connect(encoder: Arguments, activation: Any, initializer: Any) -> tuple[list[Any], list[Any]]:
    """The inputs and outputs of an encoder whose layers have this activation and copies of this initializer."""
    length = encoder["sequence_length"]
    word_ids, mask, type_ids = inputs = [
        tf_keras.layers.Input(shape=(length,), dtype=tf.int32, name=name) for name in ENCODER_INPUTS
    ]
    hidden = _embed(word_ids, type_ids, encoder, initializer)
    terms = _attention_terms(hidden, mask, encoder, initializer)
    for block in _blocks(encoder, activation, initializer):
        hidden = block([hidden, *terms])
    return inputs, [hidden, *([_pool(hidden, encoder, initializer)] if encoder["pooler"] else [])]


def _embed(word_ids: Any, type_ids: Any, encoder: Arguments, initializer: Any) -> Any:
    """The embeddings [B, S, H] of tokens, positions and segments: summed, normalized, with dropout, projected."""
    float_dtype, width = encoder["float_dtype"], encoder["embedding_width"] or encoder["hidden_size"]
    words = layers.OnDeviceEmbedding(
        encoder["vocab_size"],
        width,
        initializer=copy_initializer(initializer),
        dtype=float_dtype,
        name="word_embeddings",
    )(word_ids)
    vectors = [words, _positions(word_ids, words, encoder, initializer)]
    if encoder["type_vocab_size"]:
        segments = layers.OnDeviceEmbedding(
            encoder["type_vocab_size"],
            width,
            initializer=copy_initializer(initializer),
            use_one_hot=True,
            dtype=float_dtype,
            name="type_embeddings",
        )
        vectors.append(segments(type_ids))
    hidden = tf_keras.layers.Add(dtype=float_dtype)(vectors)
    hidden = tf_keras.layers.LayerNormalization(
        axis=-1,
        epsilon=encoder["layer_norm_epsilon"],
        dtype=at_least_float32(float_dtype),
        name="embeddings/layer_norm",
    )(hidden)
    hidden = tf_keras.layers.Dropout(encoder["dropout_rate"], dtype=float_dtype)(hidden)
    if encoder["embedding_width"] is None:
        return hidden
    return tf_keras.layers.Dense(
        encoder["hidden_size"],
        kernel_initializer=copy_initializer(initializer),
        dtype=float_dtype,
        name="embedding_projection",
    )(hidden)


def _positions(word_ids: Any, words: Any, encoder: Arguments, initializer: Any) -> Any:
    """The vectors of positions: of places in the sequence [1, S, W], or counted [B, S, W]."""
    rows, padding_id = encoder["max_sequence_length"], encoder["padding_id"]
    options = {
        "initializer": copy_initializer(initializer),
        "dtype": encoder["float_dtype"],
        "name": "position_embedding",
    }
    if padding_id is not None:
        return layers.CountedPositionEmbedding(rows, words.shape[-1], padding_id, **options)(word_ids)
    return layers.PositionEmbedding(use_dynamic_slicing=True, max_sequence_length=rows, **options)(words)


def _attention_terms(hidden: Any, mask: Any, encoder: Arguments, initializer: Any) -> list[Any]:
    """What every layer's attention depends on besides its input: a mask [B, S, S], and a bias if there is one."""
    float_dtype = encoder["float_dtype"]
    terms = [layers.SelfAttentionMask(dtype=float_dtype)([hidden, mask])]
    if encoder["relative_positions"]:
        bias = layers.RelativePositionBias(
            encoder["num_attention_heads"],
            initializer=copy_initializer(initializer),
            dtype=float_dtype,
            name="relative_position_bias",
        )
        terms.append(bias(hidden))
    return terms


def _blocks(encoder: Arguments, activation: Any, initializer: Any) -> list[layers.Transformer]:
    """The block of each layer: the same one for all if it is shared."""
    count = encoder["num_layers"]
    if encoder["shared_block"]:
        return [_block(SHARED_BLOCK, encoder, activation, initializer)] * count
    return [_block(BLOCK.format(number), encoder, activation, initializer) for number in range(count)]


def _block(name: str, encoder: Arguments, activation: Any, initializer: Any) -> layers.Transformer:
    return layers.Transformer(
        num_attention_heads=encoder["num_attention_heads"],
        intermediate_size=encoder["intermediate_size"],
        intermediate_activation=activation,
        dropout_rate=encoder["dropout_rate"],
        attention_dropout_rate=encoder["attention_dropout_rate"],
        kernel_initializer=copy_initializer(initializer),
        layer_norm_epsilon=encoder["layer_norm_epsilon"],
        dtype=encoder["float_dtype"],
        name=name,
    )


def _pool(hidden: Any, encoder: Arguments, initializer: Any) -> Any:
    """The first position's vector through a dense layer [B, H]: BERT's, with tanh, or another."""
    activation = tf_keras.activations.get(encoder["pooler_activation"])
    options = {
        "activation": activation,
        "kernel_initializer": copy_initializer(initializer),
        "dtype": encoder["float_dtype"],
        "name": "pooler_transform",
    }
    if activation is not tf_keras.activations.tanh:
        return layers.Pooler(**options)(hidden)
    return tf_keras.layers.Dense(encoder["hidden_size"], **options)(hidden[:, 0, :])
