"""Converts the weights and matrix products of a translated graph to float16; everything else stays in float32."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bertferry.core.casting import cast
from bertferry.export.onnx.draft import Draft
from bertferry.export.onnx.subgraphs import all_graphs, nodes_in_order, subgraphs
from bertferry.export.onnx.weights import Weight

REMEDY = "keep --precision fp32"
PRODUCTS = ("MatMul", "Gemm", "Einsum")
MOVES = ("Reshape", "Transpose", "Identity", "Squeeze", "Unsqueeze")
"""Operations that return the values of their first input: those of a float16 weight stay in float16."""


def convert_to_half(draft: Draft) -> Draft:
    """The graph with its float32 weights, and the constants of products with them, in float16.

    Products with a weight are computed in float16 and widened; before any other operation, the weight is widened.
    Layer normalizations, softmax, activations and the sums between them therefore stay in float32.
    """
    model = draft.model
    narrowed = {weight.name for weight in draft.weights if weight.dtype == "float32"}
    for value in model.graph.input:
        if value.name in narrowed:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    constants = {constant.name: constant for graph in all_graphs(model.graph) for constant in graph.initializer}
    _convert(model.graph, set(narrowed), constants)
    weights = [
        replace(weight, dtype="float16", load=partial(_load_as_half, weight))
        if weight.name in narrowed
        else weight
        for weight in draft.weights
    ]
    return replace(draft, weights=weights)


def _convert(graph: onnx.GraphProto, half: set[str], constants: Mapping[str, onnx.TensorProto]) -> None:
    """Converts a graph and the graphs inside its nodes; `half` are the tensors in float16, in and around it."""
    outputs = {value.name for value in graph.output}
    nodes: list[onnx.NodeProto] = []
    for node in list(nodes_in_order(graph)):
        for inner in subgraphs(node):
            _convert(inner, half, constants)
        if node.op_type in MOVES and node.input[0] in half and not outputs.intersection(node.output):
            half.update(node.output)
            nodes.append(node)
        elif node.op_type in PRODUCTS and half.intersection(node.input):
            _check_constants(node, constants)
            nodes += _narrow_product(node, half)
        else:
            nodes += _widen_inputs(node, half)
    for value in graph.output:
        if value.name in half:  # a body that returns a weight of the graph around it
            nodes.append(_cast(value.name, f"{value.name}/returned", TensorProto.FLOAT))
            value.name = f"{value.name}/returned"
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)


def _load_as_half(weight: Weight) -> np.ndarray:
    return cast(weight.load(), "float16", weight.name, REMEDY)


def _check_constants(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> None:
    """Refuses constants that a product takes, and that are beyond the range of float16."""
    for name in node.input:
        if name in constants:
            cast(numpy_helper.to_array(constants[name]), "float16", f"a constant of {node.name}", REMEDY)


def _cast(name: str, to: str, dtype: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [name], [to], to=dtype)


def _narrow_product(node: onnx.NodeProto, half: set[str]) -> list[onnx.NodeProto]:
    """The product in float16, with its other inputs narrowed and its output widened."""
    casts = []
    for index, name in enumerate(node.input):
        if name and name not in half:
            narrow = f"{node.output[0]}/narrow_{index}"
            casts.append(_cast(name, narrow, TensorProto.FLOAT16))
            node.input[index] = narrow
    output = node.output[0]
    node.output[0] = f"{output}/half"
    return [*casts, node, _cast(node.output[0], output, TensorProto.FLOAT)]


def _widen_inputs(node: onnx.NodeProto, half: set[str]) -> list[onnx.NodeProto]:
    """A lookup in float16 with its result widened, or any other operation with its weights widened."""
    if node.op_type == "Gather" and node.input[0] in half:
        output = node.output[0]
        node.output[0] = f"{output}/half"
        return [node, _cast(node.output[0], output, TensorProto.FLOAT)]
    casts = []
    for index, name in enumerate(node.input):
        if name in half:
            wide = f"{node.output[0]}/wide_{index}"
            casts.append(_cast(name, wide, TensorProto.FLOAT))
            node.input[index] = wide
    return [*casts, node]
