"""What a checkpoint's task computes, in TensorFlow's operations."""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from bertferry.convert import Checkpoint
from bertferry.core.casting import cast
from bertferry.core.parameters import canonical_axes, task_parameters
from bertferry.core.tasks import ENCODER_INPUTS, SENTENCE_OUTPUTS, TaskSpec
from bertferry.export.tasks import task_outputs
from bertferry.export.text.pooling import build_layers, pool

Tensors = Mapping[str, tf.Tensor]
Compute = Callable[[Tensors], Tensors]
"""The outputs by standard name, from int32 inputs by theirs."""


def build_function(checkpoint: Checkpoint, task: TaskSpec, precision: str) -> tuple[Compute, list[tf.Variable]]:
    """A function that computes a task, and the variables that it uses, in float32.

    Raises:
      DataError: a weight does not fit into the precision of the file.
    """
    variables = _read_variables(checkpoint, task, precision)
    config = checkpoint.config
    if not task.poolings:
        return lambda inputs: task_outputs(variables, config, task.name, inputs)[0], list(variables.values())
    layers, weights = build_layers(checkpoint.sentence.layers)
    for weight in weights:
        _check_range(weight.numpy(), weight.name, precision)

    def embed(inputs: Tensors) -> Tensors:
        outputs, _ = task_outputs(variables, config, "encoder", inputs)
        mask = inputs[ENCODER_INPUTS[1]]
        vectors = pool(task.poolings, outputs["sequence_output"], outputs.get("pooled_output"), mask, mask)
        for layer in layers:
            vectors = layer(vectors)
        return {SENTENCE_OUTPUTS[0].name: vectors}

    return embed, [*variables.values(), *weights]


def _read_variables(checkpoint: Checkpoint, task: TaskSpec, precision: str) -> dict[str, tf.Variable]:
    variables = {}
    for name in task_parameters(task, checkpoint.config):
        values = checkpoint.read(name, canonical_axes(name))
        _check_range(values, name, precision)
        variables[name] = tf.Variable(values.astype("float32"), trainable=False, name=name)
    return variables


def _check_range(values: np.ndarray, name: str, precision: str) -> None:
    """Refuses weights beyond float16, in place of which the converter would store others."""
    if precision == "fp16":
        cast(values, "float16", name, "keep --precision fp32")
