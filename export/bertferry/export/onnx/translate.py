"""Translates a lifted TensorFlow graph to an ONNX graph with tf2onnx."""

import onnx

from bertferry.core.errors import DataError
from bertferry.export.onnx.tf2onnx_compat import convert_graph
from bertferry.export.onnx.weights import LiftedGraph

HARMFUL_PASSES = ("einsum_optimizer", "global_pool_optimizer")
"""The first duplicates every query, key and value kernel; the second hides layer normalizations below opset 18."""


def translate(lifted: LiftedGraph, opset: int) -> onnx.ModelProto:
    """The graph in ONNX operations, with its weights as inputs.

    Raises:
      DataError: tf2onnx cannot express an operation; it would continue with a wrong graph.
    """
    inputs = [*lifted.inputs.values(), *lifted.weights]
    outputs = [*lifted.outputs.values(), *lifted.named.values()]
    tensors = {**lifted.named, **lifted.inputs, **lifted.outputs}
    names = {tensor: name for name, tensor in tensors.items()}
    names |= {tensor: weight.name for tensor, weight in lifted.weights.items()}
    model = convert_graph(lifted.graph, inputs, outputs, names, opset, HARMFUL_PASSES)
    _check_operations(model)
    return model


def _check_operations(model: onnx.ModelProto) -> None:
    foreign = sorted(
        {f"{node.domain}::{node.op_type}" for node in model.graph.node if node.domain not in ("", "ai.onnx")}
    )
    if foreign:
        raise DataError(f"cannot be expressed in standard ONNX operations: {', '.join(foreign)}")
    standard = [opset for opset in model.opset_import if opset.domain in ("", "ai.onnx")]
    del model.opset_import[:]
    model.opset_import.extend(standard)
