"""Computes in float32 what a graph in half precision computes on hardware that has it.

ONNX Runtime's CPU provider runs float16 graphs, but has few float16 kernels: it computes the other operations in
float32, without rounding between them. Here, every result is rounded.
"""

from collections.abc import Iterator

import onnx
from onnx import TensorProto, helper, shape_inference

HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
SMALL = 1024
"""Maximum size in bytes of a constant that shapes may depend on."""


def emulate_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Changes a model so that values of half precision are float32, rounded to their type after every operation.

    Inputs, initializers and metadata stay; outputs become float32. Returns the model.
    """
    graph = model.graph
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    types |= {value.name: value.type.tensor_type.elem_type for value in _inferred_values(model)}
    given = [value.name for value in (*graph.initializer, *graph.input) if types[value.name] in HALVES]
    nodes = [_cast(name, f"{name}/wide", TensorProto.FLOAT) for name in given]
    for node in graph.node:
        for name in node.output:
            # Operations of other domains, of which ONNX infers nothing, return the type of their first input.
            types.setdefault(name, types.get(node.input[0], 0))
        node.input[:] = [f"{name}/wide" if name in given else name for name in node.input]
        nodes += _round_results(node, types)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    for value in graph.output:
        if value.type.tensor_type.elem_type in HALVES:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    return model


def _inferred_values(model: onnx.ModelProto) -> Iterator[onnx.ValueInfoProto]:
    """The values of a graph with their types. Weights are only declared: their bytes say nothing about types."""
    graph = model.graph
    declared = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    declared.graph.input.extend(graph.input)
    declared.graph.output.extend(graph.output)
    declared.graph.node.extend(graph.node)
    for tensor in graph.initializer:
        if len(tensor.raw_data) > SMALL:
            declared.graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
        else:
            declared.graph.initializer.append(tensor)
    inferred = shape_inference.infer_shapes(declared).graph
    yield from (*inferred.input, *inferred.value_info, *inferred.output)


def _round_results(node: onnx.NodeProto, types: dict[str, int]) -> Iterator[onnx.NodeProto]:
    """The operation, and the casts that round its results of half precision."""
    results = [name for name in node.output if types.get(name) in HALVES]
    node.output[:] = [f"{name}/exact" if name in results else name for name in node.output]
    if node.op_type == "Cast" and results:
        node.attribute[0].i = TensorProto.FLOAT
    yield node
    for name in results:
        yield _cast(f"{name}/exact", f"{name}/rounded", types[name])
        yield _cast(f"{name}/rounded", name, TensorProto.FLOAT)


def _cast(values: str, result: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [values], [result], to=kind)
