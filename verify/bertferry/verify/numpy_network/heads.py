"""The outputs of a task: those of the encoder, and of the heads of `core.tasks.HEADS` on top of it."""

import numpy as np

from bertferry.core.config import EncoderConfig
from bertferry.core.inner_outputs import inner_kinds
from bertferry.core.tasks import HEADS, POSITIONS_INPUT, TaskSpec
from bertferry.verify.numpy_network.activations import ACTIVATION_FUNCTIONS
from bertferry.verify.numpy_network.encoder import Keep, encode, pool
from bertferry.verify.numpy_network.operations import dense, layer_norm
from bertferry.verify.numpy_network.weights import Weights
from bertferry.verify.runner import Arrays


def task_outputs(
    weights: Weights, config: EncoderConfig, task: TaskSpec, inputs: Arrays, keep: Keep
) -> dict[str, np.ndarray]:
    """A task's outputs by name, in the weights' type.

    Args:
      weights, config: the network's.
      task: determines the heads.
      inputs: integers by name, [B, S] each, and the positions [B, P] of the tokens to predict.
      keep: called at each named point.

    Raises:
      ValueError: an input is outside its table or sequence.
    """
    inside: dict[str, np.ndarray] = {}

    def keep_inside(name: str, value: np.ndarray) -> np.ndarray:
        inside[name] = value = keep(name, value)
        return value

    attentions = "attentions" in inner_kinds(task.output_names)
    sequence = encode(weights, config, inputs, keep_inside if task.inner else keep, attentions=attentions)
    vectors = {"sequence": sequence}
    if task.needs_pooler:
        vectors["pooled"] = pool(weights, config, sequence, keep)
    if POSITIONS_INPUT in task.input_names:
        vectors["predictions"] = select(sequence, inputs[POSITIONS_INPUT])
    outputs = {}
    if task.encoder:
        outputs = {"sequence_output": sequence}
        if task.pooler:
            outputs["pooled_output"] = vectors["pooled"]
    for name in task.heads:
        outputs |= head_outputs(weights, config, name, vectors[HEADS[name].reads])
    return outputs | {inner.name: inside[inner.point] for inner in task.inner}


def head_outputs(weights: Weights, config: EncoderConfig, name: str, vectors: np.ndarray) -> dict[str, np.ndarray]:
    """A head's logits by output name, from the vectors [..., H] that it reads."""
    head = HEADS[name]
    if head.reads == "predictions":
        return {head.outputs[0].name: word_logits(weights, config, vectors)}
    if head.inner:
        vectors = dense(vectors, weights, head.inner, ACTIVATION_FUNCTIONS[config.activation])
    logits = dense(vectors, weights, name)
    if not head.returns_columns:
        return {head.outputs[0].name: logits}
    return {output.name: logits[..., column] for column, output in enumerate(head.outputs)}


def word_logits(weights: Weights, config: EncoderConfig, vectors: np.ndarray) -> np.ndarray:
    """Logits of every word, by the tied token embedding table: [B, P, H] → [B, P, V]."""
    activation = ACTIVATION_FUNCTIONS[config.switches.mlm_activation or config.activation]
    hidden = dense(vectors, weights, "mlm/dense", activation)
    logits = layer_norm(hidden, weights, "mlm/norm", config.layer_norm_eps) @ weights["embeddings/word"].T
    logits += weights["mlm/bias"]
    return np.asarray(logits)


def select(sequence: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The vectors at some positions: [B, S, H] and [B, P] → [B, P, H].

    Raises:
      ValueError: a position outside the sequence.
    """
    length = sequence.shape[1]
    for position in (positions.min(), positions.max()):
        if not 0 <= position < length:
            raise ValueError(f"{POSITIONS_INPUT} {position} is outside a sequence of {length}")
    return np.take_along_axis(sequence, positions[..., np.newaxis], axis=1)
