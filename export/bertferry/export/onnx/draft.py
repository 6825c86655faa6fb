"""A graph that is not checked yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bertferry.export.onnx.weights import Weight

if TYPE_CHECKING:  # a wrong flag must be reported without loading ONNX
    import onnx


@dataclass(frozen=True)
class Draft:
    """A model whose weights are inputs, the weights, and its outputs in order."""

    model: "onnx.ModelProto"
    weights: Sequence[Weight]
    outputs: Sequence[str]

    def renamed(self, names: Mapping[str, str]) -> "Draft":
        """The same graph with its inputs and outputs under other names, in their order."""
        graph = self.model.graph
        for value in (*graph.input, *graph.output):
            value.name = names.get(value.name, value.name)
        for node in graph.node:
            for tensors in (node.input, node.output):
                tensors[:] = [names.get(name, name) for name in tensors]
        return Draft(self.model, self.weights, [names.get(name, name) for name in self.outputs])
