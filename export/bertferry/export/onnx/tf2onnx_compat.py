"""The only module that uses tf2onnx.

Its public function (`tf2onnx.convert`) freezes the weights into the graph and runs every pass of its optimizer, so
its internal steps are called one by one. They may change in any release: tests/export/test_tf2onnx_compat.py shows
which one did.
"""

import logging
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import onnx
import tensorflow as tf
from onnx import TensorProto
from tf2onnx import graph, optimizer, tf_loader, tfonnx

from bertferry.core.errors import DataError, first_line
from bertferry.export.onnx.tables import SEARCH

LABEL_ENCODER = "ai.onnx.ml"
"""The domain of LabelEncoder, the only operation outside ai.onnx."""


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
    source = tf.Graph()
    with _raise_logged_errors(), source.as_default():
        tf.import_graph_def(tf_loader.tf_optimize(inputs, outputs, definition), name="")
        with tf_loader.tf_session(graph=source):
            converted = tfonnx.process_tf_graph(
                source,
                opset=opset,
                input_names=inputs,
                output_names=outputs,
                tensors_to_rename=names,
                custom_op_handlers={operation: (handler, []) for operation, handler in HANDLERS.items()},
            )
        passes = OrderedDict(
            (name, optimizer_pass) for name, optimizer_pass in list_passes().items() if name not in skipped_passes
        )
        converted = optimizer.optimize_graph(converted, catch_errors=False, optimizers=passes)
    return converted.make_model("bertferry", producer_name="bertferry")


def _top_k(context: graph.Graph, node: graph.Node, name: str, arguments: list[str]) -> None:
    """TopK of the input's own type: tf2onnx converts all to float32, in which integers over 2^24 are equal."""
    dtype, index_dtype = (context.get_dtype(output) for output in node.output)
    sortable = SORTABLE.get(dtype, dtype)
    if sortable != dtype:
        context.insert_new_node_on_input(node, "Cast", node.input[0], input_index=0, to=sortable)
        context.insert_new_node_on_output("Cast", node.output[0], to=dtype)
    count = context.make_node("Cast", [node.input[1]], attr={"to": TensorProto.INT64})
    shape = context.make_const(f"{node.name}/one", np.array([1], np.int64))
    count = context.make_node("Reshape", [count.output[0], shape.output[0]])
    context.replace_input(node, node.input[1], count.output[0], 1)
    context.insert_new_node_on_output("Cast", node.output[1], to=index_dtype)
    context.set_dtype(node.output[1], TensorProto.INT64)
    node.type = "TopK"


def _select(context: graph.Graph, node: graph.Node, name: str, arguments: list[str]) -> None:
    """Where: tf2onnx multiplies both sides by 0 or 1, which turns what is not finite, and not chosen, into NaN."""
    condition, chosen = (context.get_rank(tensor) for tensor in node.input[:2])
    if node.type == "Select" and condition == 1 and chosen != 1:  # the condition chooses rows
        if chosen is None:
            raise ValueError(f"{name}: the rank of what Select chooses from is unknown")
        shape = context.make_const(f"{name}/rows", np.array([-1] + [1] * (chosen - 1), np.int64))
        rows = context.make_node("Reshape", [node.input[0], shape.output[0]])
        context.replace_input(node, node.input[0], rows.output[0], 0)
    dtype = context.get_dtype(node.output[0])
    if dtype in SELECTABLE:
        for place in (1, 2):
            context.insert_new_node_on_input(
                node, "Cast", node.input[place], input_index=place, to=SELECTABLE[dtype]
            )
        context.insert_new_node_on_output("Cast", node.output[0], to=dtype)
    node.type = "Where"


def _compare(context: graph.Graph, node: graph.Node, name: str, arguments: list[str]) -> None:
    """A comparison of integers as int64: tf2onnx compares them as float32, which has 24 bits.

    The step of a loop is int64 in ONNX, and int32 in TensorFlow.
    """
    if context.get_dtype(node.input[0]) == TensorProto.UINT64:
        raise ValueError(f"{node.type} of uint64, which ONNX Runtime cannot compare")
    if context.get_dtype(node.input[0]) not in FLOATS:
        for place in (0, 1):
            context.insert_new_node_on_input(
                node, "Cast", node.input[place], input_index=place, to=TensorProto.INT64
            )
    node.type = COMPARISONS[node.type]


def _remainder(context: graph.Graph, node: graph.Node, name: str, arguments: list[str]) -> None:
    """The remainder with the sign of the dividend, as in C; tf2onnx has no translation."""
    node.type = "Mod"
    node.set_attr("fmod", 1)


def _search(context: graph.Graph, node: graph.Node, name: str, arguments: list[str]) -> None:
    """The places of values among a table's keys (tables.py); any other PyFunc calls Python."""
    if node.get_attr_str("token") != SEARCH:
        raise ValueError("it calls a Python function, which the SavedModel does not contain")
    looked_up, output = node.input[0], node.output[0]
    keys = node.inputs[1].get_tensor_value()
    kind = "string" if context.get_dtype(looked_up) == TensorProto.STRING else "int64"
    places = {"values_int64s": list(range(len(keys))), "default_int64": len(keys)}
    if not keys:  # LabelEncoder requires one
        keys, places["values_int64s"] = ["" if kind == "string" else 0], [0]
    if context.get_dtype(looked_up) == TensorProto.INT32:
        looked_up = context.make_node("Cast", [looked_up], attr={"to": TensorProto.INT64}).output[0]
    shape = context.get_shape(looked_up)
    context.remove_node(name)
    context.make_node(
        "LabelEncoder",
        [looked_up],
        {f"keys_{kind}s": keys, **places},
        name=name,
        outputs=[output],
        shapes=[shape],
        dtypes=[TensorProto.INT64],
        domain=LABEL_ENCODER,
    )


SORTABLE = {
    TensorProto.INT8: TensorProto.INT32,
    TensorProto.INT16: TensorProto.INT32,
    TensorProto.UINT8: TensorProto.INT32,
    TensorProto.UINT16: TensorProto.INT32,
    TensorProto.UINT32: TensorProto.INT64,
    TensorProto.FLOAT16: TensorProto.FLOAT,
}
"""Types in which ONNX Runtime sorts what it does not sort in its own."""
FLOATS = (TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE)
COMPARISONS = {
    "Greater": "Greater",
    "Less": "Less",
    "GreaterEqual": "GreaterOrEqual",
    "LessEqual": "LessOrEqual",
}
SELECTABLE = {
    TensorProto.BOOL: TensorProto.UINT8,
    TensorProto.INT8: TensorProto.INT32,
    TensorProto.INT16: TensorProto.INT32,
    TensorProto.UINT16: TensorProto.INT32,
    TensorProto.UINT32: TensorProto.INT64,
    TensorProto.UINT64: TensorProto.INT64,
    TensorProto.FLOAT16: TensorProto.FLOAT,
    TensorProto.BFLOAT16: TensorProto.FLOAT,
}
"""Types in which ONNX Runtime chooses between what it does not choose between in its own."""
HANDLERS = {
    "TopKV2": _top_k,
    "Select": _select,
    "SelectV2": _select,
    "TruncateMod": _remainder,
    "Mod": _remainder,
    "PyFunc": _search,
    **dict.fromkeys(COMPARISONS, _compare),
}
"""Translations of single operations, in place of tf2onnx's own."""


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
            line = record.getMessage().splitlines()[0]
            reason = record.exc_info[1] if record.exc_info else None
            if reason is not None and isinstance(record.args, tuple):
                line = f"{record.args[0]}: {first_line(reason)}"
            messages.append(line)

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
