"""From a translated graph to the model that is written: names, dimensions, metadata."""

from collections.abc import Collection, Mapping, Sequence

import onnx
from onnx import helper

from bertferry.core.errors import DataError, first_line
from bertferry.export.onnx.canonicalize import canonicalize

Dimensions = Mapping[str, Sequence[str | int]]
"""Of inputs and outputs by name: symbols or sizes."""


def finalize(
    model: onnx.ModelProto,
    weights: Collection[str],
    outputs: Collection[str],
    named: Collection[str],
    dimensions: Dimensions,
    metadata: Mapping[str, str],
) -> onnx.ModelProto:
    """The model without its weights, checked: its inputs are those of the signature alone.

    Args:
      model: whose weights are inputs.
      weights: their names.
      outputs: those to keep, in order.
      named: tensors that keep their names.
      dimensions: of inputs and outputs, where they have a meaning.
      metadata: what the file says about itself.

    Raises:
      DataError: the graph is not valid.
    """
    _keep_named_tensors(model.graph, set(named))
    inputs = [_describe_value(value, dimensions) for value in model.graph.input if value.name not in weights]
    weight_inputs = [value for value in model.graph.input if value.name in weights]
    found = {value.name: _describe_value(value, dimensions) for value in model.graph.output}
    del model.graph.input[:], model.graph.output[:]
    model.graph.input.extend([*inputs, *weight_inputs])
    model.graph.output.extend(found[name] for name in outputs)
    result = canonicalize(model, (*weights, *named))
    try:
        onnx.checker.check_model(result, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise DataError(f"the converter made an invalid graph: {first_line(error)}") from error
    del result.graph.input[:]
    result.graph.input.extend(inputs)
    result.producer_name = "bertferry"
    helper.set_model_props(result, dict(sorted(metadata.items())))
    return result


def _keep_named_tensors(graph: onnx.GraphProto, named: Collection[str]) -> None:
    """Where a named tensor only repeats an output, the output repeats the named tensor instead: it stays."""
    outputs = {value.name for value in graph.output} - set(named)
    swapped = {
        node.input[0]: node.output[0]
        for node in graph.node
        if node.op_type == "Identity" and node.output[0] in named and node.input[0] in outputs
    }
    swapped |= {one: other for other, one in swapped.items()}
    for node in graph.node:
        node.output[:] = [swapped.get(name, name) for name in node.output]
        node.input[:] = [swapped.get(name, name) if name in outputs else name for name in node.input]


def _describe_value(value: onnx.ValueInfoProto, dimensions: Dimensions) -> onnx.ValueInfoProto:
    kind = value.type.tensor_type
    known: list[str | int | None] = [one.dim_value or None for one in kind.shape.dim]
    shape = list(dimensions.get(value.name, known))
    return helper.make_tensor_value_info(value.name, kind.elem_type, shape)
