"""The encoder of BERT and of its family as a functional Keras network."""

from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.core.config import LAYER_NORM_EPSILON
from bertferry.modeling import layers
from bertferry.modeling.activations import gelu_tanh
from bertferry.modeling.networks.encoder_steps import BLOCK, SHARED_BLOCK, connect
from bertferry.modeling.networks.serialization import ConfiguredModel

IN_2019 = {
    "pooler": True,
    "layer_norm_epsilon": LAYER_NORM_EPSILON,
    "embedding_width": None,
    "shared_block": False,
    "padding_id": None,
    "relative_positions": False,
    "pooler_activation": "tanh",
}
"""Arguments that the network of 2019 lacks, with what it had; a configuration has them only if they differ."""


@tf_keras.utils.register_keras_serializable(package="Text")
class TransformerEncoder(ConfiguredModel):
    """int32 `input_word_ids`, `input_mask`, `input_type_ids`, each [B, S] → `[sequence [B, S, H], pooled [B, H]]`,
    or the sequence alone without a pooler.

    The order in which its layers are created determines the keys of the `keras_bert` checkpoint layout.

    Args:
      vocab_size, hidden_size, num_layers, num_attention_heads, type_vocab_size, intermediate_size: sizes; without
        types (0) there are no segment embeddings, and the third input changes nothing.
      sequence_length: S, or None for any.
      max_sequence_length: rows of the position table; by default `sequence_length`.
      activation: of the intermediate layer: a Keras activation, its name or its config; by default the tanh
        form of gelu.
      dropout_rate, attention_dropout_rate: probabilities.
      initializer: for every kernel and table.
      float_dtype: type of the network, `float32` or `float16`.
      pooler: whether it has one: later models of transformers have none.
      layer_norm_epsilon: ε of every LayerNorm.
      embedding_width: of the embeddings, which are then projected to the hidden size; None: that size, and they
        are not.
      shared_block: whether all layers have the weights of one block.
      padding_id: if positions are counted over ids that are not this one; None: they are places in the sequence.
      relative_positions: whether a bias by relative position, the same in every layer, is added to the scores of
        attention.
      pooler_activation: of the pooler.
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
        embedding_width: int | None = None,
        shared_block: bool = False,
        padding_id: int | None = None,
        relative_positions: bool = False,
        pooler_activation: Any = "tanh",
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
        later = {
            "pooler": pooler,
            "layer_norm_epsilon": layer_norm_epsilon,
            "embedding_width": embedding_width,
            "shared_block": shared_block,
            "padding_id": padding_id,
            "relative_positions": relative_positions,
            "pooler_activation": tf_keras.activations.serialize(tf_keras.activations.get(pooler_activation)),
        }
        inputs, outputs = connect(config | later, activation, initializer)
        super().__init__(inputs=inputs, outputs=outputs, **arguments)
        differing = {name: value for name, value in later.items() if value != IN_2019[name]}
        self.keep_arguments(config | differing, arguments)

    @property
    def switches(self) -> dict[str, Any]:
        """The arguments that the network of 2019 lacks, whether or not they differ from what it had."""
        return IN_2019 | {name: value for name, value in self.get_config().items() if name in IN_2019}

    @property
    def blocks(self) -> list[layers.Transformer]:
        """The block of each layer: the same one for all if it is shared."""
        count = self.get_config()["num_layers"]
        if self.switches["shared_block"]:
            return [self.get_layer(SHARED_BLOCK)] * count
        return [self.get_layer(BLOCK.format(number)) for number in range(count)]

    @property
    def _embedding_layer(self) -> layers.OnDeviceEmbedding:
        return self.get_layer("word_embeddings")

    @property
    def _position_embedding_layer(self) -> layers.PositionEmbedding | layers.CountedPositionEmbedding:
        return self.get_layer("position_embedding")

    def get_embedding_table(self) -> tf.Variable:
        """The token embedding table [V, W]."""
        return self._embedding_layer.embeddings
