"""An encoder with a head that classifies sequences, or each of their tokens."""

from typing import Any

import tf_keras

from bertferry.modeling.networks.classification import Classification, TokenClassification
from bertferry.modeling.networks.serialization import (
    ConfiguredModel,
    deserialize_network,
    run_encoder,
    serialize_network,
)


@tf_keras.utils.register_keras_serializable(package="Text")
class BertClassifier(ConfiguredModel):
    """The encoder's inputs → [B, C], from the pooled vector; the head is `.classifier`.

    Args:
      network: the encoder, whose outputs are `[sequence, pooled]`.
      num_classes: C.
      initializer: for the head's kernel.
      output: `logits`, or `predictions` for log-softmax.
      dropout_rate: before the head.

    Raises:
      ValueError: an unknown `output`, or an encoder without the pooler that the head reads.
    """

    _head: tuple[str, int, type[Classification]] = "classifier", 1, Classification
    """Its name in `bertferry.core.tasks`, which of the encoder's outputs it reads, and its network."""

    def __init__(
        self,
        network: Any,
        num_classes: int,
        initializer: Any = "glorot_uniform",
        output: str = "logits",
        dropout_rate: float = 0.1,
        **arguments: Any,
    ) -> None:
        network = deserialize_network(network)
        initializer = tf_keras.initializers.get(initializer)
        config = {
            "network": serialize_network(network),
            "num_classes": num_classes,
            "initializer": tf_keras.initializers.serialize(initializer),
            "output": output,
            "dropout_rate": dropout_rate,
        }
        _, place, head = self._head
        vectors = run_encoder(network)[place]
        if vectors is None:
            raise ValueError("A classifier of sequences requires an encoder with a pooler.")
        classifier = head(
            input_width=vectors.shape[-1],
            num_classes=num_classes,
            initializer=initializer,
            output=output,
            name="classification",
        )
        outputs = classifier(tf_keras.layers.Dropout(dropout_rate)(vectors))
        super().__init__(inputs=network.inputs, outputs=outputs, **arguments)
        self.keep_arguments(config, arguments)

    @property
    def heads(self) -> dict[str, Classification]:
        """The head by its name in `bertferry.core.tasks`."""
        return {self._head[0]: self.classifier}

    @property
    def classifier(self) -> Classification:
        """The head."""
        return self.get_layer("classification")


@tf_keras.utils.register_keras_serializable(package="Text")
class BertTokenClassifier(BertClassifier):
    """The encoder's inputs → [B, S, C], from the vector of every token; arguments as for `BertClassifier`."""

    _head = "tokens", 0, TokenClassification
