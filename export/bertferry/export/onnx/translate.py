"""From a lifted TensorFlow graph to an ONNX graph, through tf2onnx."""

import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import tensorflow as tf
from tf2onnx import optimizer as tf2onnx_optimizer
from tf2onnx import tf_loader, tfonnx

from bertferry.core.errors import DataError
from bertferry.export.onnx.weights import LiftedGraph

HARMFUL_PASSES = ("einsum_optimizer", "global_pool_optimizer")
"""The first duplicates every query, key and value kernel; the second hides layer normalizations below opset 18."""


def translate(lifted: LiftedGraph, opset: int) -> onnx.ModelProto:
    """The graph in ONNX's operations; its weights are still inputs, under their placeholders' names.

    Raises:
      DataError: an operation that tf2onnx cannot express; it would go on with a wrong graph.
    """
    inputs = [*lifted.inputs.values(), *lifted.weights]
    outputs = [*lifted.outputs.values(), *lifted.named.values()]
    names = {**lifted.named, **lifted.inputs, **lifted.outputs}
    renamed = {tensor: name for name, tensor in names.items()}
    renamed |= {tensor: weight.name for tensor, weight in lifted.weights.items()}
    graph = tf.Graph()
    with _errors_fail(), graph.as_default():
        definition = tf_loader.tf_optimize(inputs, outputs, lifted.graph)
        tf.import_graph_def(definition, name="")
        with tf_loader.tf_session(graph=graph):
            converted = tfonnx.process_tf_graph(
                graph,
                opset=opset,
                input_names=inputs,
                output_names=outputs,
                tensors_to_rename=renamed,
            )
        passes = tf2onnx_optimizer._get_optimizers()
        kept = OrderedDict((name, one) for name, one in passes.items() if name not in HARMFUL_PASSES)
        converted = tf2onnx_optimizer.optimize_graph(converted, catch_errors=False, optimizers=kept)
    model = converted.make_model("bertferry", producer_name="bertferry")
    _check_operations(model)
    return model


def _check_operations(model: onnx.ModelProto) -> None:
    foreign = sorted(
        {f"{node.domain}::{node.op_type}" for node in model.graph.node if node.domain not in ("", "ai.onnx")}
    )
    if foreign:
        raise DataError(f"not expressible in ONNX's own operations: {', '.join(foreign)}")
    used = [one for one in model.opset_import if one.domain in ("", "ai.onnx")]
    del model.opset_import[:]
    model.opset_import.extend(used)


@contextmanager
def _errors_fail() -> Iterator[None]:
    """tf2onnx logs an operation that it cannot convert as an error and returns a graph all the same."""
    seen: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage().splitlines()[0])

    collector = Collect(logging.ERROR)
    logger = logging.getLogger("tf2onnx")
    before = logger.propagate
    logger.addHandler(collector)
    logger.propagate = False
    try:
        yield
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        raise DataError(f"cannot be converted to ONNX: {seen[0] if seen else error}") from error
    finally:
        logger.removeHandler(collector)
        logger.propagate = before
    if seen:
        raise DataError(f"cannot be converted to ONNX: {seen[0]}")
