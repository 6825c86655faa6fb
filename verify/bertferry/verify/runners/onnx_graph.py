"""Rewrites ONNX graphs before they run: to another precision, or to expose intermediate values."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from bertferry.core.errors import UsageError
from bertferry.core.onnx_files.quantize import quantize
from bertferry.verify.inspection_points import point_of, sort_points

LARGEST = 2 * 1024**3
"""Largest size of a serialized model in bytes."""


def convert_precision(path: Path, precision: str) -> bytes:
    """Converts weights and activations to another precision; fp16 with ONNX Runtime's own tool.

    Inputs and outputs keep their types, except in fp64.

    Raises:
      UsageError: the model is too large to convert in memory, or its weights are in another file.
    """
    external = path.with_name(f"{path.name}.data")
    if path.stat().st_size >= LARGEST or external.exists():
        reason = f"its weights are in {external.name}" if external.exists() else "it is too large"
        remedy = f"export it with export-onnx --precision {precision}"
        if precision == "fp64":
            remedy = "run the source checkpoint"
        raise UsageError(f"{path}: cannot be converted to {precision} on the fly because {reason}: {remedy}")
    model = onnx.load(str(path))
    if precision == "fp64":
        return bytes(_to_float64(model).SerializeToString())
    if precision == "int8":
        return bytes(quantize(model).SerializeToString())  # as export-onnx --precision int8 does
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return bytes(convert_float_to_float16(model, keep_io_types=True).SerializeToString())


def _to_float64(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replaces float32 by float64 everywhere in the model."""
    graph = model.graph
    for tensor in graph.initializer:
        _widen_tensor(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i == onnx.TensorProto.FLOAT:
                attribute.i = onnx.TensorProto.DOUBLE
            _widen_tensor(attribute.t)
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            value.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    del graph.value_info[:]
    return model


def _widen_tensor(tensor: onnx.TensorProto) -> None:
    if tensor.data_type == onnx.TensorProto.FLOAT:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))


def expose_points(path: Path, given: Collection[str]) -> tuple[bytes, dict[str, str]]:
    """Makes the named points the outputs of a model; returns it with the tensor of each point, in order.

    The given points also become inputs, from which the later ones are computed.
    """
    model = onnx.load(str(path), load_external_data=False)
    graph = model.graph
    half = any(entry.key == "precision" and entry.value == "fp16" for entry in model.metadata_props)
    element_type = onnx.TensorProto.FLOAT16 if half else onnx.TensorProto.FLOAT
    computed = {name for node in graph.node for name in node.output}
    points = sort_points({name for name in computed if point_of(name) == name})
    renamed = {name: f"{name}/computed" for name in points if name in given}
    for node in graph.node:
        node.output[:] = [renamed.get(name, name) for name in node.output]
    del graph.output[:]
    for name in points:
        graph.output.append(onnx.ValueInfoProto(name=renamed.get(name, name)))  # its type is inferred
        if name in renamed:
            graph.input.append(helper.make_tensor_value_info(name, element_type, None))
    return bytes(model.SerializeToString()), {name: renamed.get(name, name) for name in points}
