"""Faults of the computation in ONNX graphs: each changes the operations while a graph is written."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from unittest.mock import patch

from bertferry.core.tasks import ENCODER_INPUTS


@dataclass(frozen=True)
class Operation:
    """The arguments of `GraphBuilder.add`."""

    op: str
    inputs: list[str]
    output: str
    attributes: dict[str, Any]


Change = Callable[[Any, Operation], Operation]
"""Changes an operation of a graph, to which it may add others."""


@contextmanager
def plant_in_graphs(change: Change) -> Iterator[None]:
    """Plants the fault in graphs that are written inside the context."""
    from bertferry.export.onnx.builder import GraphBuilder

    add = GraphBuilder.add

    def add_changed(
        graph: Any, op: str, inputs: Sequence[str], output: str = "", domain: str = "", **attributes: Any
    ) -> str:
        with patch.object(GraphBuilder, "add", add):
            changed = change(graph, Operation(op, list(inputs), output, attributes))
        return add(graph, changed.op, changed.inputs, changed.output, domain, **changed.attributes)

    with patch.object(GraphBuilder, "add", add_changed):
        yield


def with_epsilon(epsilon: float) -> Change:
    """Another ε in every layer normalization."""

    def change(graph: Any, operation: Operation) -> Operation:
        if operation.op != "LayerNormalization":
            return operation
        return replace(operation, attributes={**operation.attributes, "epsilon": epsilon})

    return change


def without_norm(graph: Any, operation: Operation) -> Operation:
    """No layer normalization of the embeddings."""
    if operation.op != "LayerNormalization" or "embeddings/norm/gamma" not in operation.inputs:
        return operation
    return Operation("Identity", operation.inputs[:1], operation.output, {})


def without_tanh(graph: Any, operation: Operation) -> Operation:
    """No tanh in the pooler."""
    return replace(operation, op="Identity") if operation.output == "pooler" else operation


def over_last_token(graph: Any, operation: Operation) -> Operation:
    """The pooler over the last token."""
    if (operation.op, operation.attributes) != ("Gather", {"axis": 1}):
        return operation
    return replace(operation, inputs=[operation.inputs[0], graph.constant(-1)])


def with_dropout(graph: Any, operation: Operation) -> Operation:
    """Dropout after the embeddings; ONNX Runtime removes the operation Dropout, even in training mode."""
    if operation.output != "embeddings":
        return operation
    embeddings = graph.add(operation.op, operation.inputs, **operation.attributes)
    drawn = graph.add("RandomUniformLike", [embeddings], dtype=1)
    dropped = graph.add("Less", [drawn, graph.constant(0.1, "float32")])
    kept = graph.add("Mul", [embeddings, graph.constant(1 / 0.9, graph.floats)])
    return Operation("Where", [dropped, graph.constant(0.0, graph.floats), kept], operation.output, {})


@dataclass(frozen=True)
class Tensor:
    """An int32 tensor of a graph with the arithmetic in which changes of the inputs are written."""

    graph: Any
    name: str

    def __mul__(self, factor: int) -> "Tensor":
        return self._apply("Mul", self.name, self._constant(factor))

    def __add__(self, term: int) -> "Tensor":
        return self._apply("Add", self.name, self._constant(term))

    def __rsub__(self, number: int) -> "Tensor":
        return self._apply("Sub", self._constant(number), self.name)

    def _constant(self, value: int) -> str:
        name: str = self.graph.constant(value, "int32")
        return name

    def _apply(self, op: str, *terms: str) -> "Tensor":
        return Tensor(self.graph, self.graph.add(op, list(terms)))


def on_changed_inputs(change: Callable[..., Any]) -> Change:
    """The encoder on changed inputs."""
    return partial(_change_inputs, change)


def _change_inputs(change: Callable[..., Any], graph: Any, operation: Operation) -> Operation:
    if operation.op not in ("Gather", "Cast") or not set(operation.inputs) & set(ENCODER_INPUTS):
        return operation
    tensors = change(*(Tensor(graph, name) for name in ENCODER_INPUTS))
    changed = {name: tensor.name for name, tensor in zip(ENCODER_INPUTS, tensors, strict=True)}
    return replace(operation, inputs=[changed.get(name, name) for name in operation.inputs])
