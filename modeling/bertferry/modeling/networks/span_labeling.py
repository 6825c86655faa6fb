"""A head that scores each token as the start and as the end of a span."""

from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.modeling.networks.serialization import ConfiguredModel, check_output


@tf_keras.utils.register_keras_serializable(package="Text")
class SpanLabeling(ConfiguredModel):
    """`sequence_data` [B, S, H] float32 → `[start [B, S], end [B, S]]`; `.start_logits`, `.end_logits`.

    Args:
      input_width: H.
      activation: of the dense layer.
      initializer: for the dense kernel.
      output: `logits`, or `predictions` for log-softmax over the sequence.

    Raises:
      ValueError: an unknown `output`.
    """

    def __init__(
        self,
        input_width: int,
        activation: Any = None,
        initializer: Any = "glorot_uniform",
        output: str = "logits",
        **arguments: Any,
    ) -> None:
        check_output(output)
        activation = tf_keras.activations.get(activation)
        initializer = tf_keras.initializers.get(initializer)
        config = {
            "input_width": input_width,
            "activation": tf_keras.activations.serialize(activation),
            "initializer": tf_keras.initializers.serialize(initializer),
            "output": output,
        }
        sequence = tf_keras.layers.Input(shape=(None, input_width), dtype=tf.float32, name="sequence_data")
        dense = tf_keras.layers.Dense(2, activation=activation, kernel_initializer=initializer)
        # The wrapper is part of the checkpoint's keys: …/layer/kernel.
        scores = tf_keras.layers.TimeDistributed(dense, name="time_distributed")(sequence)
        logits = [scores[:, :, 0], scores[:, :, 1]]
        normalized = [tf_keras.layers.Activation(tf.nn.log_softmax)(scores) for scores in logits]
        outputs = logits if output == "logits" else normalized
        super().__init__(inputs=[sequence], outputs=outputs, **arguments)
        self.start_logits, self.end_logits = logits
        self.keep_arguments(config, arguments)
