"""An encoder with a span-labeling head."""

from typing import Any

import tf_keras

from bertferry.modeling.networks.serialization import (
    ConfiguredModel,
    deserialize_network,
    run_encoder,
    serialize_network,
)
from bertferry.modeling.networks.span_labeling import SpanLabeling


@tf_keras.utils.register_keras_serializable(package="Text")
class BertSpanLabeler(ConfiguredModel):
    """The encoder's inputs → outputs `start_positions` and `end_positions`, each [B, S]; the head is
    `.span_labeling`.

    Args:
      network: the encoder, whose outputs are `[sequence, pooled]`.
      initializer: for the head's kernel.
      output: `logits`, or `predictions` for log-softmax over the sequence.

    Raises:
      ValueError: an unknown `output`.
    """

    def __init__(
        self, network: Any, initializer: Any = "glorot_uniform", output: str = "logits", **arguments: Any
    ) -> None:
        network = deserialize_network(network)
        initializer = tf_keras.initializers.get(initializer)
        config = {
            "network": serialize_network(network),
            "initializer": tf_keras.initializers.serialize(initializer),
            "output": output,
        }
        sequence, _ = run_encoder(network)
        head = SpanLabeling(
            input_width=sequence.shape[-1], initializer=initializer, output=output, name="span_labeling"
        )
        start, end = head(sequence)
        # A model's outputs are named after the layers that produce them, and `compile(loss={...})` uses the names.
        outputs = [
            tf_keras.layers.Activation("linear", name="start_positions")(start),
            tf_keras.layers.Activation("linear", name="end_positions")(end),
        ]
        super().__init__(inputs=network.inputs, outputs=outputs, **arguments)
        self.keep_arguments(config, arguments)

    @property
    def heads(self) -> dict[str, SpanLabeling]:
        """The head by its name in `bertferry.core.tasks`."""
        return {"span": self.span_labeling}

    @property
    def span_labeling(self) -> SpanLabeling:
        """The head."""
        return self.get_layer("span_labeling")
