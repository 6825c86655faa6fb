"""Turns a draft into the model to write: checked, with names, dimensions and metadata."""

from collections.abc import Mapping, Sequence

import onnx
from onnx import helper

from bertferry.core.errors import DataError, first_line
from bertferry.export.onnx.canonicalize import canonicalize, find_points
from bertferry.export.onnx.draft import Draft
from bertferry.export.onnx.subgraphs import all_graphs

Dimensions = Mapping[str, Sequence[str | int]]
"""Dimensions of inputs and outputs by name: symbols or sizes."""


def finalize(draft: Draft, dimensions: Dimensions, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """Checks the draft's model and returns it without its weights: its inputs are those of the signature only.

    Args:
      draft: the model and its weights.
      dimensions: dimensions of inputs and outputs, if they are known.
      metadata: metadata of the file.

    Raises:
      DataError: the graph is invalid.
    """
    graph = draft.model.graph
    weights = {weight.name for weight in draft.weights}
    inputs = [_describe_value(value, dimensions) for value in graph.input if value.name not in weights]
    weight_inputs = [value for value in graph.input if value.name in weights]
    described = {value.name: _describe_value(value, dimensions) for value in graph.output}
    del graph.input[:], graph.output[:]
    graph.input.extend([*inputs, *weight_inputs])
    graph.output.extend(described[name] for name in draft.outputs)
    result = canonicalize(draft.model, (*weights, *find_points(draft.model)))
    try:
        onnx.checker.check_model(_with_own_constants(result), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise DataError(f"the converter produced an invalid graph: {first_line(error)}") from error
    del result.graph.input[:]
    result.graph.input.extend(inputs)
    result.producer_name = "bertferry"
    helper.set_model_props(result, dict(sorted(metadata.items())))
    return result


def _with_own_constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose bodies and branches have the constants that they use: the checker sees none around them."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    constants = {constant.name: constant for constant in copy.graph.initializer}
    for graph in all_graphs(copy.graph):
        if graph is not copy.graph:
            used = {name for node in graph.node for name in node.input}
            graph.initializer.extend(constants[name] for name in sorted(used & constants.keys()))
    return copy


def _describe_value(value: onnx.ValueInfoProto, dimensions: Dimensions) -> onnx.ValueInfoProto:
    tensor = value.type.tensor_type
    sizes: list[str | int | None] = [dimension.dim_value or None for dimension in tensor.shape.dim]
    shape = list(dimensions.get(value.name, sizes))
    return helper.make_tensor_value_info(value.name, tensor.elem_type, shape)
