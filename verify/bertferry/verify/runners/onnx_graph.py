"""Changes ONNX graphs before they run: to another precision, or to show what is inside them."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from bertferry.core.errors import UsageError
from bertferry.core.temporary import TemporaryFolder
from bertferry.verify.points import in_order, point_of

LARGEST = 2 * 1024**3
"""Bytes that a serialized model can have at most."""


def converted(path: Path, precision: str) -> bytes:
    """The model with weights and activations in another precision; fp16 and int8 as ONNX Runtime's tools do it.

    Inputs and outputs keep their types, but for fp64.

    Raises:
      UsageError: it is too large to be converted in memory, or its weights lie beside it.
    """
    external = path.with_name(f"{path.name}.data")
    if path.stat().st_size >= LARGEST or external.exists():
        reason = f"its weights are in {external.name}" if external.exists() else "it is too large"
        way_out = f"export it with export-onnx --precision {precision}"
        if precision == "fp64":
            way_out = "run the checkpoint that it was exported from"
        raise UsageError(f"{path}: cannot be converted to {precision} here, since {reason}: {way_out}")
    model = onnx.load(str(path))
    if precision == "fp64":
        return bytes(_doubled(model).SerializeToString())
    if precision == "int8":
        return _quantized(model)
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return bytes(convert_float_to_float16(model, keep_io_types=True).SerializeToString())


def _quantized(model: onnx.ModelProto) -> bytes:
    """Dynamically, per channel, as `export-onnx --precision int8` does."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryFolder() as folder:
        target = folder / "int8.onnx"
        quantize_dynamic(
            model,
            str(target),
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
        return target.read_bytes()


def _doubled(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with float64 wherever it has float32."""
    graph = model.graph
    for tensor in graph.initializer:
        _double(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i == onnx.TensorProto.FLOAT:
                attribute.i = onnx.TensorProto.DOUBLE
            _double(attribute.t)
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            value.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    del graph.value_info[:]
    return model


def _double(tensor: onnx.TensorProto) -> None:
    if tensor.data_type == onnx.TensorProto.FLOAT:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))


def to_points(path: Path, given: Collection[str]) -> tuple[bytes, dict[str, str]]:
    """A model whose outputs are the named points, in order, and the tensor of each.

    The given points are inputs as well: what comes after them is computed from those.
    """
    model = onnx.load(str(path), load_external_data=False)
    graph = model.graph
    half = any(entry.key == "precision" and entry.value == "fp16" for entry in model.metadata_props)
    kind = onnx.TensorProto.FLOAT16 if half else onnx.TensorProto.FLOAT
    made = {name for node in graph.node for name in node.output}
    points = in_order({name for name in made if point_of(name) == name})
    renamed = {name: f"{name}/computed" for name in points if name in given}
    for node in graph.node:
        node.output[:] = [renamed.get(name, name) for name in node.output]
    del graph.output[:]
    for name in points:
        graph.output.append(onnx.ValueInfoProto(name=renamed.get(name, name)))  # its type is inferred
        if name in renamed:
            graph.input.append(helper.make_tensor_value_info(name, kind, None))
    return bytes(model.SerializeToString()), {name: renamed.get(name, name) for name in points}
