"""The BERT encoder as a functional Keras network."""

from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.core.config import LAYER_NORM_EPSILON
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.modeling import layers
from bertferry.modeling.activations import gelu_tanh
from bertferry.modeling.layers.precision import at_least_float32
from bertferry.modeling.networks.serialization import ConfiguredModel, copy_initializer

IN_2019 = {"pooler": True, "layer_norm_epsilon": LAYER_NORM_EPSILON}
"""Arguments that the network of 2019 lacks, with what it had; a configuration has them only if they differ."""


@tf_keras.utils.register_keras_serializable(package="Text")
class TransformerEncoder(ConfiguredModel):
    """int32 `input_word_ids`, `input_mask`, `input_type_ids`, each [B, S] → `[sequence [B, S, H], pooled [B, H]]`,
    or the sequence alone without a pooler.

    The order in which its layers are created determines the keys of the `keras_bert` checkpoint layout.

    Args:
      vocab_size, hidden_size, num_layers, num_attention_heads, type_vocab_size, intermediate_size: sizes.
      sequence_length: S, or None for any.
      max_sequence_length: rows of the position table; by default `sequence_length`.
      activation: of the intermediate layer: a Keras activation, its name or its config; by default the tanh
        form of gelu.
      dropout_rate, attention_dropout_rate: probabilities.
      initializer: for every kernel and table.
      float_dtype: type of the network, `float32` or `float16`.
      pooler: whether it has one: later models of transformers have none.
      layer_norm_epsilon: ε of every LayerNorm.
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int = 768,
        num_layers: int = 12,
        num_attention_heads: int = 12,
        sequence_length: int | None = 512,
        max_sequence_length: int | None = None,
        type_vocab_size: int = 16,
        intermediate_size: int = 3072,
        activation: Any = gelu_tanh,
        dropout_rate: float = 0.1,
        attention_dropout_rate: float = 0.1,
        initializer: Any = None,
        float_dtype: str = "float32",
        *,
        pooler: bool = True,
        layer_norm_epsilon: float = LAYER_NORM_EPSILON,
        **arguments: Any,
    ) -> None:
        activation = tf_keras.activations.get(activation)
        initializer = tf_keras.initializers.get(initializer or tf_keras.initializers.TruncatedNormal(stddev=0.02))
        max_sequence_length = sequence_length if max_sequence_length is None else max_sequence_length
        config = {
            "vocab_size": vocab_size,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "num_attention_heads": num_attention_heads,
            "sequence_length": sequence_length,
            "max_sequence_length": max_sequence_length,
            "type_vocab_size": type_vocab_size,
            "intermediate_size": intermediate_size,
            "activation": tf_keras.activations.serialize(activation),
            "dropout_rate": dropout_rate,
            "attention_dropout_rate": attention_dropout_rate,
            "initializer": tf_keras.initializers.serialize(initializer),
            "float_dtype": float_dtype,
        }
        later = {"pooler": pooler, "layer_norm_epsilon": layer_norm_epsilon}
        word_ids, mask, type_ids = (
            tf_keras.layers.Input(shape=(sequence_length,), dtype=tf.int32, name=name) for name in ENCODER_INPUTS
        )
        hidden = _embed(word_ids, type_ids, config | later, initializer)
        attention_mask = layers.SelfAttentionMask(dtype=float_dtype)([hidden, mask])
        for number in range(num_layers):
            hidden = _block(number, config | later, activation, initializer)([hidden, attention_mask])
        outputs = [hidden]
        if pooler:
            outputs.append(_pool(hidden, hidden_size, copy_initializer(initializer), float_dtype))
        super().__init__(inputs=[word_ids, mask, type_ids], outputs=outputs, **arguments)
        self.keep_arguments(
            config | {name: value for name, value in later.items() if value != IN_2019[name]}, arguments
        )

    @property
    def _embedding_layer(self) -> layers.OnDeviceEmbedding:
        return self.get_layer("word_embeddings")

    @property
    def _position_embedding_layer(self) -> layers.PositionEmbedding:
        return self.get_layer("position_embedding")

    def get_embedding_table(self) -> tf.Variable:
        """The token embedding table [V, H]."""
        return self._embedding_layer.embeddings


def _embed(word_ids: Any, type_ids: Any, config: dict[str, Any], initializer: Any) -> Any:
    """The embeddings [B, S, H] of tokens, positions and segments: summed, normalized, with dropout."""
    float_dtype = config["float_dtype"]
    words = layers.OnDeviceEmbedding(
        config["vocab_size"],
        config["hidden_size"],
        initializer=copy_initializer(initializer),
        dtype=float_dtype,
        name="word_embeddings",
    )(word_ids)
    positions = layers.PositionEmbedding(
        initializer=copy_initializer(initializer),
        use_dynamic_slicing=True,
        max_sequence_length=config["max_sequence_length"],
        dtype=float_dtype,
        name="position_embedding",
    )(words)
    segments = layers.OnDeviceEmbedding(
        config["type_vocab_size"],
        config["hidden_size"],
        initializer=copy_initializer(initializer),
        use_one_hot=True,
        dtype=float_dtype,
        name="type_embeddings",
    )(type_ids)
    hidden = tf_keras.layers.Add(dtype=float_dtype)([words, positions, segments])
    hidden = tf_keras.layers.LayerNormalization(
        axis=-1,
        epsilon=config["layer_norm_epsilon"],
        dtype=at_least_float32(float_dtype),
        name="embeddings/layer_norm",
    )(hidden)
    return tf_keras.layers.Dropout(config["dropout_rate"], dtype=float_dtype)(hidden)


def _block(number: int, config: dict[str, Any], activation: Any, initializer: Any) -> layers.Transformer:
    return layers.Transformer(
        num_attention_heads=config["num_attention_heads"],
        intermediate_size=config["intermediate_size"],
        intermediate_activation=activation,
        dropout_rate=config["dropout_rate"],
        attention_dropout_rate=config["attention_dropout_rate"],
        kernel_initializer=copy_initializer(initializer),
        layer_norm_epsilon=config["layer_norm_epsilon"],
        dtype=config["float_dtype"],
        name=f"transformer/layer_{number}",
    )


def _pool(hidden: Any, hidden_size: int, initializer: Any, float_dtype: str) -> Any:
    """The first position's vector through a dense layer with tanh: [B, H]."""
    dense = tf_keras.layers.Dense(
        hidden_size,
        activation="tanh",
        kernel_initializer=initializer,
        dtype=float_dtype,
        name="pooler_transform",
    )
    return dense(hidden[:, 0, :])
