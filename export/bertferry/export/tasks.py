"""The task heads on top of the encoder, as plain TensorFlow operations over named parameters."""

from collections.abc import Mapping

import tensorflow as tf

from bertferry.core.config import EncoderConfig
from bertferry.core.tasks import ENCODER_INPUTS, HEADS, POSITIONS_INPUT, TASKS
from bertferry.export.forward import Encoded, activate, dense, dropout_for, encode, layer_norm

HEAD_DROPOUT_RATE = 0.1
"""Dropout rate before a classifier in training, as in google-research/bert and `BertClassifier`."""

Parameters = Mapping[str, tf.Tensor]
Outputs = dict[str, tf.Tensor]


def task_outputs(
    parameters: Parameters,
    config: EncoderConfig,
    task: str,
    inputs: Mapping[str, tf.Tensor],
    dtype: str = "float32",
) -> tuple[Outputs, Encoded]:
    """A task's outputs by name, without dropout, and the encoder's outputs.

    Args:
      parameters: those of the encoder and of the task's heads, by canonical name.
      config: sizes and activation.
      task: one of `TASKS`.
      inputs: int32 [B, S] each, masked-LM positions [B, P]; without these, words are predicted everywhere; without
        segments, all are the first.
      dtype: type of the outputs.
    """
    given = [inputs[name] if name in inputs else tf.zeros_like(inputs["input_mask"]) for name in ENCODER_INPUTS]
    encoded = encode(parameters, config, *given, training=False)
    outputs = {}
    if TASKS[task].encoder:
        outputs = {"sequence_output": encoded.sequence}
        if encoded.pooled is not None:
            outputs["pooled_output"] = encoded.pooled
    positions = inputs.get(POSITIONS_INPUT)
    outputs |= head_outputs(parameters, config, TASKS[task].heads, encoded.sequence, encoded.pooled, positions)
    # Separate tensors, so that they keep their names besides those of the encoder.
    return {name: tf.identity(tf.cast(tensor, dtype)) for name, tensor in outputs.items()}, encoded


def head_outputs(
    parameters: Parameters,
    config: EncoderConfig,
    heads: tuple[str, ...],
    sequence: tf.Tensor,
    pooled: tf.Tensor | None,
    positions: tf.Tensor | None = None,
    *,
    training: bool = False,
) -> Outputs:
    """The logits of some heads by output name, from the encoder's sequence [B, S, H] and pooled [B, H] output.

    Only some heads read the pooled output.

    `positions` [B, P] are those whose tokens the masked-LM head predicts, by default all.
    """
    outputs: Outputs = {}
    for name in heads:
        head = HEADS[name]
        if head.reads == "predictions":
            outputs[head.outputs[0].name] = masked_lm(parameters, config, sequence, positions)
            continue
        vectors = pooled if head.reads == "pooled" else sequence
        if head.dropout:
            vectors = dropout_for(training)(vectors, HEAD_DROPOUT_RATE)
        scores = dense(vectors, parameters, name)
        columns = [scores] if len(head.outputs) == 1 else tf.unstack(scores, axis=-1)
        outputs |= {output.name: column for output, column in zip(head.outputs, columns, strict=True)}
    return outputs


def masked_lm(
    parameters: Parameters, config: EncoderConfig, sequence: tf.Tensor, positions: tf.Tensor | None
) -> tf.Tensor:
    """Logits [B, P, V] of the tokens at some positions, or at all: a transform, then the tied embedding table."""
    chosen = sequence if positions is None else tf.gather(sequence, positions, batch_dims=1)
    activation = config.switches.mlm_activation or config.activation
    hidden = activate(dense(chosen, parameters, "mlm/dense"), activation)
    hidden = layer_norm(hidden, parameters, "mlm/norm", config.layer_norm_eps)
    return tf.matmul(hidden, parameters["embeddings/word"], transpose_b=True) + parameters["mlm/bias"]
