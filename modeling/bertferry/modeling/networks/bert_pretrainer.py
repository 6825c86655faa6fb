"""An encoder with both pretraining heads."""

from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.modeling.networks.classification import Classification
from bertferry.modeling.networks.masked_lm import MaskedLM
from bertferry.modeling.networks.serialization import (
    ConfiguredModel,
    copy_initializer,
    deserialize_network,
    run_encoder,
    serialize_network,
)


@tf_keras.utils.register_keras_serializable(package="Text")
class BertPretrainer(ConfiguredModel):
    """The encoder's inputs and int32 `masked_lm_positions` [B, P] → `[lm [B, P, V], sentence [B, C]]`.

    The heads are `.masked_lm` and `.classification`.

    Args:
      network: the encoder, whose outputs are `[sequence, pooled]`.
      num_classes: C.
      num_token_predictions: P, or None for any.
      activation: of the masked-LM transform; for BERT checkpoints that of the encoder.
      output_activation: applied to both outputs.
      initializer: for the heads' kernels.
      output: `logits`, or `predictions` for log-softmax.

    Raises:
      ValueError: an unknown `output`, or more predictions than the sequence is long.
    """

    def __init__(
        self,
        network: Any,
        num_classes: int,
        num_token_predictions: int | None,
        activation: Any = None,
        output_activation: Any = None,
        initializer: Any = "glorot_uniform",
        output: str = "logits",
        **arguments: Any,
    ) -> None:
        network = deserialize_network(network)
        activation = tf_keras.activations.get(activation)
        if output_activation is not None:
            output_activation = tf_keras.activations.get(output_activation)
        initializer = tf_keras.initializers.get(initializer)
        config = {
            "network": serialize_network(network),
            "num_classes": num_classes,
            "num_token_predictions": num_token_predictions,
            "activation": tf_keras.activations.serialize(activation),
            "output_activation": output_activation and tf_keras.activations.serialize(output_activation),
            "initializer": tf_keras.initializers.serialize(initializer),
            "output": output,
        }
        sequence, pooled = run_encoder(network)
        if pooled is None:
            raise ValueError("A pretrainer requires an encoder with a pooler.")
        length = sequence.shape[1]
        if length is not None and num_token_predictions is not None and num_token_predictions > length:
            raise ValueError(
                f"num_token_predictions {num_token_predictions} exceeds the sequence length {length}."
            )
        positions = tf_keras.layers.Input(
            shape=(num_token_predictions,), dtype=tf.int32, name="masked_lm_positions"
        )
        masked_lm = MaskedLM(
            input_width=sequence.shape[-1],
            num_predictions=num_token_predictions,
            source_network=network,
            activation=activation,
            initializer=copy_initializer(initializer),
            output=output,
            name="masked_lm",
        )
        classification = Classification(
            input_width=pooled.shape[-1],
            num_classes=num_classes,
            initializer=copy_initializer(initializer),
            output=output,
            name="classification",
        )
        outputs = [masked_lm([sequence, positions]), classification(pooled)]
        if output_activation is not None:
            finish = tf_keras.layers.Activation(output_activation)
            outputs = [finish(scores) for scores in outputs]
        super().__init__(inputs=[*network.inputs, positions], outputs=outputs, **arguments)
        self.keep_arguments(config, arguments)

    @property
    def heads(self) -> dict[str, MaskedLM | Classification]:
        """The heads by their names in `bertferry.core.tasks`."""
        return {"mlm": self.masked_lm, "nsp": self.classification}

    @property
    def masked_lm(self) -> MaskedLM:
        """The masked-LM head."""
        return self.get_layer("masked_lm")

    @property
    def classification(self) -> Classification:
        """The sentence head."""
        return self.get_layer("classification")
