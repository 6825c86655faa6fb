"""Faults of final outputs and of an artifact's interface."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from weight_faults import CONFIG


@dataclass(frozen=True)
class OutputFault:
    """Changes final outputs: as TensorFlow tensors by name, or in an ONNX graph."""

    name: str
    tensors: Callable[[dict[str, Any]], dict[str, Any]]
    graph: Callable[[onnx.GraphProto], None]
    culprit: str = ""


@dataclass(frozen=True)
class ShapeFault:
    """Fixes a dimension of the inputs: 0 is the batch, 1 the length."""

    name: str
    axis: int
    size: int
    culprit: str = ""


@dataclass(frozen=True)
class VocabularyFault:
    """Swaps two words of the vocabulary."""

    name: str = "two words of the vocabulary swapped"
    culprit: str = ""


def output_faults(*, pooled: bool = True) -> Iterator[OutputFault | ShapeFault | VocabularyFault]:
    """Yields every fault of the outputs and of the interface; those of the pooled output if there is one."""
    import tensorflow as tf

    def insert_nan(outputs: dict[str, Any]) -> dict[str, Any]:
        row = np.zeros(CONFIG.hidden_size, np.float32)
        row[3] = np.nan
        return {**outputs, "sequence_output": outputs["sequence_output"] + row}

    def swap(outputs: dict[str, Any]) -> dict[str, Any]:
        return {"sequence_output": outputs["pooled_output"], "pooled_output": outputs["sequence_output"]}

    def to_float16(outputs: dict[str, Any]) -> dict[str, Any]:
        return {**outputs, "sequence_output": tf.cast(outputs["sequence_output"], tf.float16)}

    def make_constant(outputs: dict[str, Any]) -> dict[str, Any]:
        return {**outputs, "pooled_output": tf.zeros_like(outputs["pooled_output"]) + 0.5}

    if pooled:
        yield OutputFault("outputs swapped", swap, _swap_outputs)
    yield OutputFault("sequence output in float16", to_float16, _halve_output)
    yield OutputFault("NaN in one place", insert_nan, _insert_nan)
    if pooled:
        yield OutputFault("constant output", make_constant, _make_output_constant)
    yield ShapeFault("fixed batch", axis=0, size=1)
    yield ShapeFault("fixed length", axis=1, size=8)
    yield VocabularyFault()


def _insert_before_output(
    graph: onnx.GraphProto, name: str, operation: str, *more: str, **attributes: Any
) -> None:
    """Inserts an operation between an output and the node that computes it."""
    for node in graph.node:
        node.output[:] = [f"{name}/sound" if tensor == name else tensor for tensor in node.output]
        node.input[:] = [f"{name}/sound" if tensor == name else tensor for tensor in node.input]
    graph.node.append(helper.make_node(operation, [f"{name}/sound", *more], [name], **attributes))


def _constant(graph: onnx.GraphProto, name: str, values: np.ndarray) -> str:
    graph.initializer.append(numpy_helper.from_array(values, name))
    return name


def _output(graph: onnx.GraphProto, name: str) -> onnx.ValueInfoProto:
    return next(value for value in graph.output if value.name == name)


def _swap_outputs(graph: onnx.GraphProto) -> None:
    sequence, pooled = _output(graph, "sequence_output"), _output(graph, "pooled_output")
    sequence.name, pooled.name = pooled.name, sequence.name
    names = {"sequence_output": "pooled_output", "pooled_output": "sequence_output"}
    for node in graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]
        node.input[:] = [names.get(name, name) for name in node.input]


def _halve_output(graph: onnx.GraphProto) -> None:
    _insert_before_output(graph, "sequence_output", "Cast", to=onnx.TensorProto.FLOAT16)
    _output(graph, "sequence_output").type.tensor_type.elem_type = onnx.TensorProto.FLOAT16


def _insert_nan(graph: onnx.GraphProto) -> None:
    row = np.zeros(CONFIG.hidden_size, np.float32)
    row[3] = np.nan
    _insert_before_output(graph, "sequence_output", "Add", _constant(graph, "not_a_number", row))


def _make_output_constant(graph: onnx.GraphProto) -> None:
    zero, half = (_constant(graph, f"constant_{value}", np.array(value, np.float32)) for value in (0.0, 0.5))
    _insert_before_output(graph, "pooled_output", "Mul", zero)
    for node in graph.node:
        if node.output[0] == "pooled_output":
            node.output[0] = "pooled_output/zero"
    graph.node.append(helper.make_node("Add", ["pooled_output/zero", half], ["pooled_output"]))
