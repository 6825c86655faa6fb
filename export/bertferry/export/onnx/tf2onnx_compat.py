"""The only module that uses tf2onnx.

Its public function (`tf2onnx.convert`) freezes the weights into the graph and runs every pass of its optimizer, so
its internal steps are called one by one. They may change in any release: tests/export/test_tf2onnx_compat.py shows
which one did.
"""

import logging
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import onnx
import tensorflow as tf
from tf2onnx import optimizer, tf_loader, tfonnx

from bertferry.core.errors import DataError, first_line


def convert_graph(
    definition: tf.compat.v1.GraphDef,
    inputs: Sequence[str],
    outputs: Sequence[str],
    names: Mapping[str, str],
    opset: int,
    skipped_passes: Collection[str],
) -> onnx.ModelProto:
    """Converts the part of a graph between its inputs and outputs to ONNX.

    Args:
      definition: a graph without variables; its functions are bodies of loops and branches.
      inputs, outputs: names of its tensors.
      names: names of tensors in the result.
      opset: version of ai.onnx.
      skipped_passes: passes of tf2onnx's optimizer to skip.

    Raises:
      DataError: tf2onnx cannot convert an operation.
    """
    graph = tf.Graph()
    with _raise_logged_errors(), graph.as_default():
        tf.import_graph_def(tf_loader.tf_optimize(inputs, outputs, definition), name="")
        with tf_loader.tf_session(graph=graph):
            converted = tfonnx.process_tf_graph(
                graph, opset=opset, input_names=inputs, output_names=outputs, tensors_to_rename=names
            )
        passes = OrderedDict(
            (name, optimizer_pass) for name, optimizer_pass in list_passes().items() if name not in skipped_passes
        )
        converted = optimizer.optimize_graph(converted, catch_errors=False, optimizers=passes)
    return converted.make_model("bertferry", producer_name="bertferry")


def list_passes() -> Mapping[str, type]:
    """The passes of tf2onnx's optimizer by name, in their order."""
    passes: Mapping[str, type] = optimizer._get_optimizers()
    return passes


@contextmanager
def _raise_logged_errors() -> Iterator[None]:
    """Raises the errors that tf2onnx only logs: it returns a graph even if it cannot convert an operation."""
    messages: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage().splitlines()[0])

    collector = Collect(logging.ERROR)
    logger = logging.getLogger("tf2onnx")
    before = logger.propagate
    logger.addHandler(collector)
    logger.propagate = False
    try:
        yield
    except Exception as error:  # whatever its handlers stumble over
        raise DataError(
            f"cannot be converted to ONNX: {messages[0] if messages else first_line(error)}"
        ) from error
    finally:
        logger.removeHandler(collector)
        logger.propagate = before
    if messages:
        raise DataError(f"cannot be converted to ONNX: {messages[0]}")
