"""What each task computes on top of the encoder, as plain TensorFlow operations over named parameters."""

from collections.abc import Mapping

import tensorflow as tf

from bertferry.convert.plan import TASK_HEADS
from bertferry.export.forward import Encoded, activate, dense, encode, layer_norm
from bertferry.modeling.config import EncoderConfig
from bertferry.verify.signature import ENCODER_INPUTS, POSITIONS_INPUT


def task_inputs(task: str) -> tuple[str, ...]:
    """Names of a task's integer inputs."""
    return (*ENCODER_INPUTS, POSITIONS_INPUT) if "mlm" in TASK_HEADS[task] else ENCODER_INPUTS


def task_outputs(
    parameters: Mapping[str, tf.Tensor],
    config: EncoderConfig,
    task: str,
    inputs: Mapping[str, tf.Tensor],
    dtype: str = "float32",
) -> tuple[dict[str, tf.Tensor], Encoded]:
    """A task's outputs by name, without dropout; and what the encoder computed for them.

    Args:
      parameters: those of the encoder and of the task's heads, by canonical name.
      config: sizes and activation.
      task: one of `TASK_HEADS`.
      inputs: int32 [B, S] each, masked-LM positions [B, P].
      dtype: of the outputs.
    """
    encoded = encode(parameters, config, *(inputs[name] for name in ENCODER_INPUTS), training=False)
    if task == "classifier":
        outputs = {"logits": dense(encoded.pooled, parameters, "classifier")}
    elif task == "span":
        start, end = tf.unstack(dense(encoded.sequence, parameters, "span"), axis=-1)
        outputs = {"start_logits": start, "end_logits": end}
    else:
        outputs = {"sequence_output": encoded.sequence, "pooled_output": encoded.pooled}
    if "mlm" in TASK_HEADS[task]:
        outputs["mlm_logits"] = masked_lm(parameters, config, encoded.sequence, inputs[POSITIONS_INPUT])
    if "nsp" in TASK_HEADS[task]:
        outputs["nsp_logits"] = dense(encoded.pooled, parameters, "nsp")
    # Tensors of their own, so that they keep their names beside those of the encoder.
    return {name: tf.identity(tf.cast(tensor, dtype)) for name, tensor in outputs.items()}, encoded


def masked_lm(
    parameters: Mapping[str, tf.Tensor], config: EncoderConfig, sequence: tf.Tensor, positions: tf.Tensor
) -> tf.Tensor:
    """Logits [B, P, V] of the words at some positions: a transform, then the word table again."""
    hidden = activate(dense(tf.gather(sequence, positions, batch_dims=1), parameters, "mlm/dense"), config)
    hidden = layer_norm(hidden, parameters, "mlm/norm")
    return tf.matmul(hidden, parameters["embeddings/word"], transpose_b=True) + parameters["mlm/bias"]
