"""Finds the parts of attention in an ONNX graph, and splits ONNX Runtime's operation for all of it.

https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

SMALL = 1024
"""Maximum size in bytes of a constant that shapes may depend on."""
KEPT = ("num_heads", "mask_filter_value", "scale")
"""Attributes that MultiHeadAttention has too."""
INPUTS = 4
"""What is taken: values, kernel [H, 3·H], bias [3·H], mask; further inputs are the past and a bias of scores."""
REARRANGING = ("Add", "Cast", "Dropout", "Identity", "Reshape", "Transpose")
"""Operations between a projection, or a softmax, and the product of the two."""


def averaging_kernels(graph: onnx.GraphProto) -> set[str]:
    """Names of the kernels that project the values that attention averages.

    An average is a product with a softmax, or the last step of MultiHeadAttention.
    """
    producers = {output: node for node in graph.node for output in node.output}
    constants = {tensor.name for tensor in graph.initializer}

    def trace(name: str) -> onnx.NodeProto | None:
        """The node before all rearranging that a tensor comes from."""
        node = producers.get(name)
        while node is not None and node.op_type in REARRANGING:
            node = producers.get(next((name for name in node.input if name not in constants), ""))
        return node

    found = set()
    for node in graph.node:
        values = ""
        if node.op_type == "MultiHeadAttention":
            values = node.input[2]
        elif node.op_type == "MatMul" and (weights := trace(node.input[0])) and weights.op_type == "Softmax":
            values = node.input[1]
        projection = trace(values)
        if projection is not None and projection.op_type in ("MatMul", "Gemm"):
            found |= {projection.input[1]} & constants
    return found


def split_attention(model: onnx.ModelProto) -> None:
    """Replaces each Attention over a constant kernel by its projections and MultiHeadAttention.

    One with other inputs or attributes, or of which it is unknown that its mask is [B, S], is left.
    """
    graph = model.graph
    kernels = {tensor.name: tensor for tensor in graph.initializer}
    ranks: dict[str, int] | None = None
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type == "Attention" and _is_plain(node) and node.input[1] in kernels:
            ranks = _ranks(model) if ranks is None else ranks
            if not node.input[3] or ranks.get(node.input[3]) == 2:
                nodes += _parts(graph, node, numpy_helper.to_array(kernels[node.input[1]]))
                continue
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def _is_plain(node: onnx.NodeProto) -> bool:
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    others = {name: value for name, value in given.items() if name not in KEPT and value}
    return len(node.input) == INPUTS and len(node.output) == 1 and all(node.input[:3]) and not others


def _ranks(model: onnx.ModelProto) -> dict[str, int]:
    """Ranks of tensors by name, as far as they follow from the inputs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    small = [tensor for tensor in copy.graph.initializer if len(tensor.raw_data) <= SMALL]
    del copy.graph.initializer[:]
    copy.graph.initializer.extend(small)
    try:
        graph = shape_inference.infer_shapes(copy).graph
    except shape_inference.InferenceError:  # an invalid model, which its runtime refuses
        return {}
    known = [value for value in (*graph.input, *graph.value_info) if value.type.tensor_type.HasField("shape")]
    return {value.name: len(value.type.tensor_type.shape.dim) for value in known}


def _parts(graph: onnx.GraphProto, node: onnx.NodeProto, joined: np.ndarray) -> list[onnx.NodeProto]:
    """The operations in place of an Attention: queries and keys are one product, values another."""
    values, kernel, bias, mask = node.input
    output = node.output[0]
    width = joined.shape[1] // 3
    constants = {
        f"{kernel}/scores": joined[:, : 2 * width],
        f"{kernel}/value": joined[:, 2 * width :],
        f"{kernel}/sizes": np.full(2, width),
    }
    known = {tensor.name for tensor in graph.initializer}
    graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(array), name)
        for name, array in constants.items()
        if name not in known
    )
    both, query, key, value = (f"{output}/{part}" for part in ("scores", "query", "key", "value"))
    attention = helper.make_node(
        "MultiHeadAttention", [query, key, value, bias, mask], [output], node.name, domain=node.domain
    )
    attention.attribute.extend(attribute for attribute in node.attribute if attribute.name in KEPT)
    return [
        helper.make_node("MatMul", [values, f"{kernel}/scores"], [both], both),
        helper.make_node("Split", [both, f"{kernel}/sizes"], [query, key], both + "/split", axis=-1),
        helper.make_node("MatMul", [values, f"{kernel}/value"], [value], value),
        attention,
    ]
