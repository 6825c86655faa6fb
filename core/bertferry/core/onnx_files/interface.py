"""Reads the inputs and outputs of an ONNX file without reading its weights.

The field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bertferry.core.onnx_files.wire import Field, read_fields

GRAPH = 7
INITIALIZER, INPUT, OUTPUT = 5, 11, 12
"""Of GraphProto."""
TENSOR_NAME = 8
VALUE_NAME, VALUE_TYPE = 1, 2
TENSOR_TYPE, SHAPE, DIMENSION, SIZE = 1, 2, 1, 1
"""Of TypeProto, TypeProto.Tensor, TensorShapeProto and its Dimension."""

Dimensions = tuple[int | None, ...] | None
"""Sizes, None where they may vary; None for all if nothing is declared."""


def onnx_interface(path: Path) -> tuple[dict[str, Dimensions], dict[str, Dimensions]]:
    """The dimensions of a model's inputs and outputs by name, in their order, without those of its weights.

    Raises:
      OSError, ValueError: not a readable model.
    """
    inputs: dict[str, Dimensions] = {}
    outputs: dict[str, Dimensions] = {}
    weights = set()
    with path.open("rb") as file:
        for graph in _within(file, Field(0, 0, 0, path.stat().st_size), GRAPH):
            for field in read_fields(file, graph.start, graph.size):
                if field.number == INITIALIZER:
                    weights |= {name.read(file).decode() for name in _within(file, field, TENSOR_NAME)}
                elif field.number in (INPUT, OUTPUT):
                    name = b"".join(part.read(file) for part in _within(file, field, VALUE_NAME)).decode()
                    (inputs if field.number == INPUT else outputs)[name] = _dimensions(file, field)
    return {name: sizes for name, sizes in inputs.items() if name not in weights}, outputs


def _dimensions(file: BinaryIO, value: Field) -> Dimensions:
    for shape in _within(file, value, VALUE_TYPE, TENSOR_TYPE, SHAPE):
        sizes = [[size.value for size in _within(file, at, SIZE)] for at in _within(file, shape, DIMENSION)]
        return tuple(size[0] if size and size[0] > 0 else None for size in sizes)
    return None


def _within(file: BinaryIO, field: Field, *numbers: int) -> Iterator[Field]:
    """The fields that are reached through fields of these numbers, one after another."""
    for inner in read_fields(file, field.start, field.size):
        if inner.number == numbers[0]:
            yield from _within(file, inner, *numbers[1:]) if numbers[1:] else (inner,)
