"""Classification heads over a sequence's summary vector, and over the vector of every token."""

from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.modeling.networks.serialization import ConfiguredModel, check_output


@tf_keras.utils.register_keras_serializable(package="Text")
class Classification(ConfiguredModel):
    """`cls_output` [B, H] float32 → logits or log-probabilities [B, C]. `.logits` is the pre-softmax tensor.

    Args:
      input_width: H.
      num_classes: C.
      initializer: for the dense kernel.
      output: `logits`, or `predictions` for log-softmax.

    Raises:
      ValueError: an unknown `output`.
    """

    _reads: tuple[str, tuple[None, ...]] = "cls_output", ()
    """The input's name, and its dimensions before the last."""

    def __init__(
        self,
        input_width: int,
        num_classes: int,
        initializer: Any = "glorot_uniform",
        output: str = "logits",
        **arguments: Any,
    ) -> None:
        check_output(output)
        initializer = tf_keras.initializers.get(initializer)
        config = {
            "input_width": input_width,
            "num_classes": num_classes,
            "initializer": tf_keras.initializers.serialize(initializer),
            "output": output,
        }
        name, dimensions = self._reads
        vectors = tf_keras.layers.Input(shape=(*dimensions, input_width), dtype=tf.float32, name=name)
        logits = tf_keras.layers.Dense(
            num_classes, kernel_initializer=initializer, name="predictions/transform/logits"
        )(vectors)
        outputs = logits if output == "logits" else tf_keras.layers.Activation(tf.nn.log_softmax)(logits)
        super().__init__(inputs=[vectors], outputs=outputs, **arguments)
        self.logits = logits
        self.keep_arguments(config, arguments)


@tf_keras.utils.register_keras_serializable(package="Text")
class TokenClassification(Classification):
    """`sequence_data` [B, S, H] float32 → logits or log-probabilities [B, S, C]; arguments as its base."""

    _reads = "sequence_data", (None,)
