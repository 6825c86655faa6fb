"""Writes an ONNX file weight by weight.

A Protocol Buffers message can be written in pieces, which readers merge
(https://protobuf.dev/programming-guides/encoding/#last-one-wins). The graph comes first, then each weight as an
initializer, so that only one is in memory at a time.
"""

from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx
from onnx import helper

from bertferry.core.onnx_files.wire import encode_field_start
from bertferry.export.onnx.weights import Weight

MODEL_GRAPH = 7
GRAPH_INITIALIZER = 5
TENSOR_RAW_DATA = 9
"""Field numbers of onnx.proto."""
ALIGNMENT = 4096
"""Page size: ONNX Runtime maps external data into memory if it starts at a page."""
PROTOBUF_LIMIT = 2**31 - 2**20
"""Maximum size of the weights in the file: a message is limited to 2 GiB, and larger weights become external."""


def write_model(path: Path, model: onnx.ModelProto, weights: Iterable[Weight], *, external: bool = False) -> None:
    """Writes the model with its weights to `path` or, with `external`, the weights to `path.data`."""
    weights = list(weights)
    if external:
        _write_external(path, model, weights)
        return
    graph = model.graph.SerializeToString(deterministic=True)
    headers = [_header(weight).SerializeToString(deterministic=True) for weight in weights]
    entries = [
        len(header) + len(encode_field_start(TENSOR_RAW_DATA, size)) + size
        for header, size in zip(headers, map(size_of, weights), strict=True)
    ]
    total = len(graph) + sum(len(encode_field_start(GRAPH_INITIALIZER, size)) + size for size in entries)
    with path.open("wb") as file:
        _write_without_graph(file, model)
        file.write(encode_field_start(MODEL_GRAPH, total) + graph)
        for weight, header, size in zip(weights, headers, entries, strict=True):
            file.write(
                encode_field_start(GRAPH_INITIALIZER, size)
                + header
                + encode_field_start(TENSOR_RAW_DATA, size_of(weight))
            )
            file.write(_bytes(weight))


def _write_external(path: Path, model: onnx.ModelProto, weights: list[Weight]) -> None:
    data = path.with_name(path.name + ".data")
    with data.open("wb") as file:
        for weight in weights:
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            header = _header(weight)
            header.data_location = onnx.TensorProto.EXTERNAL
            for key, value in (("location", data.name), ("offset", file.tell()), ("length", size_of(weight))):
                header.external_data.add(key=key, value=str(value))
            model.graph.initializer.append(header)
            file.write(_bytes(weight))
    path.write_bytes(model.SerializeToString(deterministic=True))


def size_of(weight: Weight) -> int:
    """Size of a weight in bytes."""
    return prod(weight.shape) * np.dtype(weight.dtype).itemsize


def _bytes(weight: Weight) -> memoryview:
    values = np.asarray(weight.load())
    if values.shape != weight.shape or values.dtype != np.dtype(weight.dtype):
        raise ValueError(f"{weight.name} is {values.dtype} {values.shape}, not {weight.dtype} {weight.shape}")
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data  # which makes a scalar a vector


def _header(weight: Weight) -> onnx.TensorProto:
    data_type = helper.np_dtype_to_tensor_dtype(np.dtype(weight.dtype))
    return onnx.TensorProto(name=weight.name, dims=weight.shape, data_type=data_type)


def _write_without_graph(file: BinaryIO, model: onnx.ModelProto) -> None:
    rest = onnx.ModelProto()
    rest.CopyFrom(model)
    rest.ClearField("graph")
    file.write(rest.SerializeToString(deterministic=True))
