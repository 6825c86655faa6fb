"""Traces the graph of a checkpoint's task with its weights as placeholders."""

import numpy as np
import tensorflow as tf

from bertferry.convert import Checkpoint
from bertferry.core import axes as named_axes
from bertferry.core.parameters import canonical_axes
from bertferry.core.tasks import TASKS
from bertferry.export.onnx.lift import LiftedGraph
from bertferry.export.onnx.weights import Weight
from bertferry.export.tasks import task_outputs


def trace(
    source: Checkpoint, task: str, names: tuple[str, ...], dtype: str, integers: str, floats: str = "float32"
) -> LiftedGraph:
    """The graph of a task over the source's parameters.

    Args:
      source: the checkpoint that provides the values.
      task: one of `TASKS`.
      names: the parameters of the task.
      dtype: type in which the weights are stored and multiplied, `float32` or `float16`.
      integers: type of the inputs, `int32` or `int64`.
      floats: type of the outputs.
    """
    weights = {name: _weight(source, name, dtype) for name in names}
    inputs = TASKS[task].input_names
    graph = tf.Graph()
    with graph.as_default():
        placeholders = {
            name: tf.compat.v1.placeholder(weight.dtype, weight.shape, f"weight_{number}")
            for number, (name, weight) in enumerate(weights.items())
        }
        ids = {name: tf.compat.v1.placeholder(integers, [None, None], name) for name in inputs}
        as_int32 = {name: tf.cast(tensor, tf.int32) for name, tensor in ids.items()}
        outputs, encoded = task_outputs(placeholders, source.config, task, as_int32, floats)
    return LiftedGraph(
        graph=graph.as_graph_def(),
        inputs={name: tensor.name for name, tensor in ids.items()},
        outputs={name: tensor.name for name, tensor in outputs.items()},
        named={name: tensor.name for name, tensor in encoded.named.items()},
        weights={tensor.name: weights[name] for name, tensor in placeholders.items()},
    )


def _weight(source: Checkpoint, name: str, dtype: str) -> Weight:
    """A parameter with its heads merged, so that every product is a matrix product."""
    merged = canonical_axes(name).replace("heads head_size", "(heads head_size)")

    def load() -> np.ndarray:
        return np.ascontiguousarray(source.read(name, merged).astype(dtype, copy=False))

    return Weight(name, named_axes.shape(merged, source.sizes), dtype, load)
