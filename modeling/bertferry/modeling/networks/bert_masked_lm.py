"""An encoder with a masked-LM head alone."""

from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.modeling.networks.masked_lm import MaskedLM
from bertferry.modeling.networks.serialization import (
    ConfiguredModel,
    copy_initializer,
    deserialize_network,
    serialize_network,
)


@tf_keras.utils.register_keras_serializable(package="Text")
class BertMaskedLM(ConfiguredModel):
    """The encoder's inputs and int32 `masked_lm_positions` [B, P] → its outputs and logits [B, P, V].

    The head is `.masked_lm`. A model of layers would be read from a file with another table than the encoder's.

    Args:
      network: the encoder, with a pooler or without.
      activation: of the transform.
      initializer: for its kernel.
    """

    def __init__(
        self, network: Any, activation: Any = None, initializer: Any = "glorot_uniform", **arguments: Any
    ) -> None:
        network = deserialize_network(network)
        activation = tf_keras.activations.get(activation)
        initializer = tf_keras.initializers.get(initializer)
        config = {
            "network": serialize_network(network),
            "activation": tf_keras.activations.serialize(activation),
            "initializer": tf_keras.initializers.serialize(initializer),
        }
        outputs = tf.nest.flatten(network(network.inputs))
        head = MaskedLM(
            input_width=outputs[0].shape[-1],
            num_predictions=None,
            source_network=network,
            activation=activation,
            initializer=copy_initializer(initializer),
            name="masked_lm",
        )
        positions = tf_keras.layers.Input((None,), dtype=tf.int32, name="masked_lm_positions")
        logits = head([outputs[0], positions])
        super().__init__(inputs=[*network.inputs, positions], outputs=[*outputs, logits], **arguments)
        self.keep_arguments(config, arguments)

    @property
    def heads(self) -> dict[str, MaskedLM]:
        """The head by its name in `bertferry.core.tasks`."""
        return {"mlm": self.masked_lm}

    @property
    def masked_lm(self) -> MaskedLM:
        """The head."""
        return self.get_layer("masked_lm")
