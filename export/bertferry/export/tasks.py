"""What each task computes on top of the encoder, as plain TensorFlow operations over named parameters."""

from collections.abc import Mapping

import tensorflow as tf

from bertferry.convert.plan import TASK_HEADS
from bertferry.core.config import EncoderConfig
from bertferry.export.forward import Encoded, activate, chosen_dropout, dense, encode, layer_norm
from bertferry.verify.signature import ENCODER_INPUTS, POSITIONS_INPUT, gives_encoder_outputs

CLASSIFIER_DROPOUT_RATE = 0.1
"""Before the classifier's head, in training: as google-research/bert and `BertClassifier` have it."""

Parameters = Mapping[str, tf.Tensor]
Outputs = dict[str, tf.Tensor]


def task_outputs(
    parameters: Parameters,
    config: EncoderConfig,
    task: str,
    inputs: Mapping[str, tf.Tensor],
    dtype: str = "float32",
) -> tuple[Outputs, Encoded]:
    """A task's outputs by name, without dropout; and what the encoder computed for them.

    Args:
      parameters: those of the encoder and of the task's heads, by canonical name.
      config: sizes and activation.
      task: one of `TASK_HEADS`.
      inputs: int32 [B, S] each, masked-LM positions [B, P].
      dtype: of the outputs.
    """
    encoded = encode(parameters, config, *(inputs[name] for name in ENCODER_INPUTS), training=False)
    outputs = {}
    if gives_encoder_outputs(task):
        outputs = {"sequence_output": encoded.sequence, "pooled_output": encoded.pooled}
    positions = inputs.get(POSITIONS_INPUT)
    outputs |= head_outputs(parameters, config, TASK_HEADS[task], encoded.sequence, encoded.pooled, positions)
    # Tensors of their own, so that they keep their names beside those of the encoder.
    return {name: tf.identity(tf.cast(tensor, dtype)) for name, tensor in outputs.items()}, encoded


def head_outputs(
    parameters: Parameters,
    config: EncoderConfig,
    heads: tuple[str, ...],
    sequence: tf.Tensor,
    pooled: tf.Tensor,
    positions: tf.Tensor | None = None,
    *,
    training: bool = False,
) -> Outputs:
    """The logits of some heads by output name, from the encoder's sequence [B, S, H] and pooled [B, H] output.

    `positions` [B, P] are those whose words the masked-LM head predicts.
    """
    outputs: Outputs = {}
    if "mlm" in heads:
        outputs["mlm_logits"] = masked_lm(parameters, config, sequence, positions)
    if "nsp" in heads:
        outputs["nsp_logits"] = dense(pooled, parameters, "nsp")
    if "classifier" in heads:
        dropped = chosen_dropout(training)(pooled, CLASSIFIER_DROPOUT_RATE)
        outputs["logits"] = dense(dropped, parameters, "classifier")
    if "span" in heads:
        start, end = tf.unstack(dense(sequence, parameters, "span"), axis=-1)
        outputs |= {"start_logits": start, "end_logits": end}
    return outputs


def masked_lm(
    parameters: Parameters, config: EncoderConfig, sequence: tf.Tensor, positions: tf.Tensor
) -> tf.Tensor:
    """Logits [B, P, V] of the words at some positions: a transform, then the word table again."""
    hidden = activate(dense(tf.gather(sequence, positions, batch_dims=1), parameters, "mlm/dense"), config)
    hidden = layer_norm(hidden, parameters, "mlm/norm")
    return tf.matmul(hidden, parameters["embeddings/word"], transpose_b=True) + parameters["mlm/bias"]
