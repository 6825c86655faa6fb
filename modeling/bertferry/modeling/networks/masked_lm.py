"""The masked-language-model head, tied to its encoder's token embedding table."""

import json
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.core.config import LAYER_NORM_EPSILON
from bertferry.modeling.networks.serialization import (
    ConfiguredModel,
    check_output,
    deserialize_network,
    serialize_network,
)
from bertferry.modeling.plain_call import plain_call


@tf_keras.utils.register_keras_serializable(package="Text")
class GatherPositions(tf_keras.layers.Layer):
    """`[sequence [B, S, H], positions [B, P]]` → the vectors at these positions [B, P, H]."""

    @plain_call
    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Gathers within each sequence."""
        return tf.gather(inputs[0], inputs[1], batch_dims=1)


@tf_keras.utils.register_keras_serializable(package="Text")
class TiedProjection(tf_keras.layers.Layer):
    """Vectors [B, P, W] times the transposed token embedding table of another network → [B, P, V].

    The table is a weight of that network only: freezing the network freezes it, and checkpoints store it there.
    """

    def __init__(self, source_network: Any, **arguments: Any) -> None:
        super().__init__(**arguments)
        source_network = deserialize_network(source_network)
        self._source_network = json.dumps(serialize_network(source_network))
        # An exported layer must reach the table; as a direct attribute it would be a weight of the layer.
        self._tied = tf.train.Checkpoint(embedding_table=source_network.get_embedding_table())

    @plain_call
    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Similarities with every token of the vocabulary."""
        return tf.matmul(inputs, tf.cast(self._tied.embedding_table, inputs.dtype), transpose_b=True)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as serializable values."""
        return {**super().get_config(), "source_network": json.loads(self._source_network)}


@tf_keras.utils.register_keras_serializable(package="Text")
class Bias(tf_keras.layers.Layer):
    """Adds a bias over the last axis."""

    def build(self, input_shape: Any) -> None:
        """Creates `bias`."""
        self._bias = self.add_weight("bias", shape=[input_shape[-1]], initializer="zeros")
        super().build(input_shape)

    @plain_call
    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """inputs + bias."""
        return inputs + self._bias


@tf_keras.utils.register_keras_serializable(package="Text")
class MaskedLM(ConfiguredModel):
    """[`sequence_data` [B, S, H], int32 `masked_lm_positions` [B, P]] → [B, P, V]; `.logits`.

    Gathers the positions, transforms them to the width of the embeddings (dense, LayerNorm), and multiplies by the
    token embedding table.

    Args:
      input_width: H.
      num_predictions: P, or None for any.
      source_network: the encoder whose token embedding table and ε are used: a TransformerEncoder.
      activation: of the transform.
      initializer: for its kernel.
      output: `logits`, or `predictions` for log-softmax.

    Raises:
      ValueError: an unknown `output`.
    """

    def __init__(
        self,
        input_width: int,
        num_predictions: int | None,
        source_network: Any,
        activation: Any = None,
        initializer: Any = "glorot_uniform",
        output: str = "logits",
        **arguments: Any,
    ) -> None:
        check_output(output)
        source_network = deserialize_network(source_network)
        activation = tf_keras.activations.get(activation)
        initializer = tf_keras.initializers.get(initializer)
        config = {
            "input_width": input_width,
            "num_predictions": num_predictions,
            "source_network": serialize_network(source_network),
            "activation": tf_keras.activations.serialize(activation),
            "initializer": tf_keras.initializers.serialize(initializer),
            "output": output,
        }
        sequence = tf_keras.layers.Input(shape=(None, input_width), dtype=tf.float32, name="sequence_data")
        positions = tf_keras.layers.Input(shape=(num_predictions,), dtype=tf.int32, name="masked_lm_positions")
        hidden = GatherPositions()([sequence, positions])
        hidden = tf_keras.layers.Dense(
            source_network.get_embedding_table().shape[-1],
            activation=activation,
            kernel_initializer=initializer,
            name="cls/predictions/transform/dense",
        )(hidden)
        epsilon = source_network.get_config().get("layer_norm_epsilon", LAYER_NORM_EPSILON)
        hidden = tf_keras.layers.LayerNormalization(
            axis=-1, epsilon=epsilon, name="cls/predictions/transform/LayerNorm"
        )(hidden)
        scores = TiedProjection(source_network)(hidden)
        logits = Bias(name="cls/predictions/output_bias")(scores)
        outputs = logits if output == "logits" else tf_keras.layers.Activation(tf.nn.log_softmax)(logits)
        super().__init__(inputs=[sequence, positions], outputs=outputs, **arguments)
        self.logits = logits
        self.keep_arguments(config, arguments)
