"""Turns a translated graph into the model to write: names, dimensions, metadata."""

from collections.abc import Collection, Mapping, Sequence

import onnx
from onnx import helper

from bertferry.core.errors import DataError, first_line
from bertferry.export.onnx.canonicalize import canonicalize

Dimensions = Mapping[str, Sequence[str | int]]
"""Dimensions of inputs and outputs by name: symbols or sizes."""


def finalize(
    model: onnx.ModelProto,
    weights: Collection[str],
    outputs: Collection[str],
    named: Collection[str],
    dimensions: Dimensions,
    metadata: Mapping[str, str],
) -> onnx.ModelProto:
    """Checks the model and returns it without its weights: its inputs are those of the signature only.

    Args:
      model: a model whose weights are inputs.
      weights: names of the weights.
      outputs: outputs to keep, in order.
      named: tensors that keep their names.
      dimensions: dimensions of inputs and outputs, if they are known.
      metadata: metadata of the file.

    Raises:
      DataError: the graph is invalid.
    """
    _keep_named_tensors(model.graph, set(named))
    inputs = [_describe_value(value, dimensions) for value in model.graph.input if value.name not in weights]
    weight_inputs = [value for value in model.graph.input if value.name in weights]
    described = {value.name: _describe_value(value, dimensions) for value in model.graph.output}
    del model.graph.input[:], model.graph.output[:]
    model.graph.input.extend([*inputs, *weight_inputs])
    model.graph.output.extend(described[name] for name in outputs)
    result = canonicalize(model, (*weights, *named))
    try:
        onnx.checker.check_model(result, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise DataError(f"the converter produced an invalid graph: {first_line(error)}") from error
    del result.graph.input[:]
    result.graph.input.extend(inputs)
    result.producer_name = "bertferry"
    helper.set_model_props(result, dict(sorted(metadata.items())))
    return result


def _keep_named_tensors(graph: onnx.GraphProto, named: Collection[str]) -> None:
    """Keeps each named tensor that is the Identity of an output: makes the output the Identity of the tensor."""
    outputs = {value.name for value in graph.output} - set(named)
    swapped = {
        node.input[0]: node.output[0]
        for node in graph.node
        if node.op_type == "Identity" and node.output[0] in named and node.input[0] in outputs
    }
    swapped |= {output: name for name, output in swapped.items()}
    for node in graph.node:
        node.output[:] = [swapped.get(name, name) for name in node.output]
        node.input[:] = [swapped.get(name, name) if name in outputs else name for name in node.input]


def _describe_value(value: onnx.ValueInfoProto, dimensions: Dimensions) -> onnx.ValueInfoProto:
    tensor = value.type.tensor_type
    sizes: list[str | int | None] = [dimension.dim_value or None for dimension in tensor.shape.dim]
    shape = list(dimensions.get(value.name, sizes))
    return helper.make_tensor_value_info(value.name, tensor.elem_type, shape)
