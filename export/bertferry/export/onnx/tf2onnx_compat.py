"""The one door to tf2onnx.

What it publishes (`tf2onnx.convert`) freezes the weights into the graph and takes every pass of its optimizer, so
the steps behind it are called one by one. They may change with any release: tests/export/test_tf2onnx_compat.py
says what broke.
"""

import logging
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import onnx
import tensorflow as tf
from tf2onnx import optimizer, tf_loader, tfonnx

from bertferry.core.errors import DataError


def convert_graph(
    definition: tf.compat.v1.GraphDef,
    inputs: Sequence[str],
    outputs: Sequence[str],
    names: Mapping[str, str],
    opset: int,
    skipped_passes: Collection[str],
) -> onnx.ModelProto:
    """The part of a graph between its inputs and outputs, in ONNX.

    Args:
      definition: a graph without function calls and variables.
      inputs, outputs: names of its tensors.
      names: what tensors are to be called in the result.
      opset: of ai.onnx.
      skipped_passes: what is left out of tf2onnx's optimizer.

    Raises:
      DataError: an operation that tf2onnx cannot convert.
    """
    graph = tf.Graph()
    with _logged_errors_raised(), graph.as_default():
        tf.import_graph_def(tf_loader.tf_optimize(inputs, outputs, definition), name="")
        with tf_loader.tf_session(graph=graph):
            converted = tfonnx.process_tf_graph(
                graph, opset=opset, input_names=inputs, output_names=outputs, tensors_to_rename=names
            )
        passes = OrderedDict((name, made) for name, made in list_passes().items() if name not in skipped_passes)
        converted = optimizer.optimize_graph(converted, catch_errors=False, optimizers=passes)
    return converted.make_model("bertferry", producer_name="bertferry")


def list_passes() -> Mapping[str, type]:
    """The passes of tf2onnx's optimizer by name, in their order."""
    passes: Mapping[str, type] = optimizer._get_optimizers()
    return passes


@contextmanager
def _logged_errors_raised() -> Iterator[None]:
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
