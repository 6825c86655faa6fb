"""Translates a lifted TensorFlow graph to an ONNX graph with tf2onnx."""

import hashlib

import numpy as np
import onnx
from onnx import helper, numpy_helper

from bertferry.core.errors import DataError
from bertferry.core.graph_names import in_order
from bertferry.export.onnx.draft import Draft
from bertferry.export.onnx.lift import LiftedGraph
from bertferry.export.onnx.loops import STEP, release_constants
from bertferry.export.onnx.subgraphs import all_graphs, subgraphs
from bertferry.export.onnx.tf2onnx_compat import LABEL_ENCODER, convert_graph
from bertferry.export.onnx.weights import Weight

HARMFUL_PASSES = ("einsum_optimizer", "global_pool_optimizer")
"""The first duplicates every query, key and value kernel; the second hides layer normalizations below opset 18."""
SEQUENCES = ("SequenceInsert", "SequenceEmpty", "SequenceConstruct", "SequenceErase")
LARGE = 1024
"""Minimum size in bytes of a constant that is written like a weight."""


def translate(lifted: LiftedGraph, opset: int) -> Draft:
    """The graph in ONNX operations.

    Raises:
      DataError: tf2onnx cannot express an operation; it would continue with a wrong graph.
    """
    inputs = [*lifted.inputs.values(), *lifted.weights]
    outputs = list(lifted.outputs.values())
    tensors = {**lifted.inputs, **lifted.outputs}
    names = {tensor: name for name, tensor in tensors.items()}
    names |= {tensor: weight.name for tensor, weight in lifted.weights.items()}
    model = convert_graph(lifted.graph, inputs, outputs, names, opset, HARMFUL_PASSES)
    release_constants(model.graph)
    _omit_empty_inputs(model.graph)
    _leave_sequences_open(model.graph)
    _restore_domain(model)
    _check_operations(model)
    _complete_shapes(model.graph, lifted)
    weights = [*lifted.weights.values(), *_extract_constants(model.graph)]
    return Draft(model, weights, in_order(lifted.outputs))


def _complete_shapes(graph: onnx.GraphProto, lifted: LiftedGraph) -> None:
    """Declares the shapes of outputs that tf2onnx does not know."""
    for value in graph.output:
        shape = lifted.shapes[value.name]
        if not value.type.tensor_type.HasField("shape") and shape.rank is not None:
            declared = helper.make_tensor_value_info("", value.type.tensor_type.elem_type, shape.as_list())
            value.type.CopyFrom(declared.type)


def _omit_empty_inputs(graph: onnx.GraphProto) -> None:
    """Leaves out scales and regions that tf2onnx writes as constants without elements.

    In a branch, ONNX's checker does not see that they have none.
    """
    graphs = list(all_graphs(graph))
    empty = {constant.name for one in graphs for constant in one.initializer if 0 in constant.dims}
    for one in graphs:
        for node in one.node:
            if node.op_type == "Resize":
                node.input[:] = ["" if name in empty else name for name in node.input]


def _leave_sequences_open(graph: onnx.GraphProto) -> None:
    """Removes the types of sequences (ragged tensors) that a loop passes on: tf2onnx declares them as tensors."""
    for one in all_graphs(graph):
        producers = {name: node for node in one.node for name in node.output}
        for value in one.output:
            producer = producers.get(value.name)
            while producer is not None and producer.op_type == "Identity":
                producer = producers.get(producer.input[0])
            if one is not graph and producer is not None and producer.op_type in SEQUENCES:
                value.ClearField("type")
    for one in all_graphs(graph):
        for node in one.node:
            if node.op_type == "Loop":
                (body,) = subgraphs(node)
                for given, result in zip(body.input[STEP:], body.output[1:], strict=False):
                    if not result.HasField("type"):
                        given.ClearField("type")


def _restore_domain(model: onnx.ModelProto) -> None:
    """Gives LabelEncoder its domain again, which tf2onnx's optimizer leaves out in branches."""
    encoders = [node for one in all_graphs(model.graph) for node in one.node if node.op_type == "LabelEncoder"]
    for node in encoders:
        node.domain = LABEL_ENCODER
    if encoders and all(opset.domain != LABEL_ENCODER for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid(LABEL_ENCODER, 2))


def _check_operations(model: onnx.ModelProto) -> None:
    foreign = sorted(
        {
            f"{node.domain}::{node.op_type}"
            for graph in all_graphs(model.graph)
            for node in graph.node
            if node.domain not in ("", "ai.onnx", LABEL_ENCODER)
        }
    )
    if foreign:
        raise DataError(f"cannot be expressed in standard ONNX operations: {', '.join(foreign)}")
    used = {node.domain for graph in all_graphs(model.graph) for node in graph.node} | {"", "ai.onnx"}
    standard = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(standard)


def _extract_constants(graph: onnx.GraphProto) -> list[Weight]:
    """Makes large constants inputs like the weights; they are named by their contents, as tf2onnx's names vary."""
    weights: dict[str, Weight] = {}
    names: dict[str, str] = {}
    small = []
    for constant in graph.initializer:
        values = numpy_helper.to_array(constant)
        if values.nbytes < LARGE or values.dtype == np.object_:
            small.append(constant)
            continue
        content = f"{values.dtype} {values.shape}".encode() + values.tobytes()
        name = f"constant_{hashlib.sha256(content).hexdigest()[:12]}"
        names[constant.name] = name
        if name not in weights:
            weights[name] = Weight(name, values.shape, values.dtype.name, lambda values=values: values)  # type: ignore[misc]
            graph.input.append(helper.make_tensor_value_info(name, constant.data_type, values.shape))
    del graph.initializer[:]
    graph.initializer.extend(small)
    for one in all_graphs(graph) if names else ():
        for node in one.node:
            node.input[:] = [names.get(name, name) for name in node.input]
    for value in graph.output:
        if value.name in names:
            graph.node.append(helper.make_node("Identity", [names[value.name]], [value.name]))
    return [weights[name] for name in sorted(weights)]
