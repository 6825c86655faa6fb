"""Faults of finished outputs and of an artifact's interface."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from weight_faults import CONFIG


@dataclass(frozen=True)
class OutputFault:
    """Changes finished outputs: by name as TensorFlow's tensors, or in an ONNX graph."""

    name: str
    tensors: Callable[[dict[str, Any]], dict[str, Any]]
    graph: Callable[[onnx.GraphProto], None]
    culprit: str = ""


@dataclass(frozen=True)
class ShapeFault:
    """Freezes a dimension of the inputs: 0 is the batch, 1 the length."""

    name: str
    axis: int
    size: int
    culprit: str = ""


@dataclass(frozen=True)
class VocabularyFault:
    """Exchanges two words of the vocabulary."""

    name: str = "two words of the vocabulary swapped"
    culprit: str = ""


def output_faults() -> Iterator[OutputFault | ShapeFault | VocabularyFault]:
    """Every fault of the outputs and of the interface."""
    import tensorflow as tf

    def not_a_number(outputs: dict[str, Any]) -> dict[str, Any]:
        row = np.zeros(CONFIG.hidden_size, np.float32)
        row[3] = np.nan
        return {**outputs, "sequence_output": outputs["sequence_output"] + row}

    def swapped(outputs: dict[str, Any]) -> dict[str, Any]:
        return {"sequence_output": outputs["pooled_output"], "pooled_output": outputs["sequence_output"]}

    def halved(outputs: dict[str, Any]) -> dict[str, Any]:
        return {**outputs, "sequence_output": tf.cast(outputs["sequence_output"], tf.float16)}

    def constant(outputs: dict[str, Any]) -> dict[str, Any]:
        return {**outputs, "pooled_output": tf.zeros_like(outputs["pooled_output"]) + 0.5}

    yield OutputFault("outputs swapped", swapped, _swap_outputs)
    yield OutputFault("sequence output in float16", halved, _halve_output)
    yield OutputFault("NaN in one place", not_a_number, _not_a_number)
    yield OutputFault("constant output", constant, _constant_output)
    yield ShapeFault("fixed batch", axis=0, size=1)
    yield ShapeFault("fixed length", axis=1, size=8)
    yield VocabularyFault()


def _behind(graph: onnx.GraphProto, name: str, operation: str, *more: str, **attributes: Any) -> None:
    """Puts an operation between an output and what computes it."""
    for node in graph.node:
        node.output[:] = [f"{name}/sound" if one == name else one for one in node.output]
        node.input[:] = [f"{name}/sound" if one == name else one for one in node.input]
    graph.node.append(helper.make_node(operation, [f"{name}/sound", *more], [name], **attributes))


def _constant(graph: onnx.GraphProto, name: str, values: np.ndarray) -> str:
    graph.initializer.append(numpy_helper.from_array(values, name))
    return name


def _output(graph: onnx.GraphProto, name: str) -> onnx.ValueInfoProto:
    return next(value for value in graph.output if value.name == name)


def _swap_outputs(graph: onnx.GraphProto) -> None:
    one, other = _output(graph, "sequence_output"), _output(graph, "pooled_output")
    one.name, other.name = other.name, one.name
    names = {"sequence_output": "pooled_output", "pooled_output": "sequence_output"}
    for node in graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]
        node.input[:] = [names.get(name, name) for name in node.input]


def _halve_output(graph: onnx.GraphProto) -> None:
    _behind(graph, "sequence_output", "Cast", to=onnx.TensorProto.FLOAT16)
    _output(graph, "sequence_output").type.tensor_type.elem_type = onnx.TensorProto.FLOAT16


def _not_a_number(graph: onnx.GraphProto) -> None:
    row = np.zeros(CONFIG.hidden_size, np.float32)
    row[3] = np.nan
    _behind(graph, "sequence_output", "Add", _constant(graph, "not_a_number", row))


def _constant_output(graph: onnx.GraphProto) -> None:
    zero, half = (_constant(graph, f"constant_{value}", np.array(value, np.float32)) for value in (0.0, 0.5))
    _behind(graph, "pooled_output", "Mul", zero)
    for node in graph.node:
        if node.output[0] == "pooled_output":
            node.output[0] = "pooled_output/zero"
    graph.node.append(helper.make_node("Add", ["pooled_output/zero", half], ["pooled_output"]))
