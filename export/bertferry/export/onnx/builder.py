"""Collects the nodes, constants and weights of a graph while a network is written."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import ml_dtypes  # noqa: F401 - gives NumPy the type bfloat16
import numpy as np
import onnx
from onnx import helper, numpy_helper

from bertferry.convert import Checkpoint
from bertferry.core import axes as named_axes
from bertferry.core.casting import cast
from bertferry.core.parameters import canonical_axes
from bertferry.export.onnx.draft import Draft
from bertferry.export.onnx.weights import Weight

MICROSOFT = "com.microsoft"
"""The domain of ONNX Runtime's own operations."""


def tensor_type(dtype: str) -> int:
    """ONNX's number of a NumPy type."""
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


class GraphBuilder:
    """A graph over a checkpoint's parameters, in which tensors are known by their names.

    Args:
      source: the checkpoint that provides the weights.
      floats: type of the weights, and of values between operations.
      opset: version of ai.onnx.
    """

    def __init__(self, source: Checkpoint, floats: str, opset: int) -> None:
        self.floats = floats
        self.opset = opset
        self._source = source
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._weights: dict[str, Weight] = {}

    def add(self, op: str, inputs: Sequence[str], output: str = "", domain: str = "", **attributes: Any) -> str:
        """Adds an operation; returns the name of its output."""
        name = output or f"{op}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, inputs, [name], domain=domain, **attributes))
        return name

    def split(self, values: str, count: int) -> list[str]:
        """The columns of the last axis, each [..., 1]."""
        names = [f"{values}_{column}" for column in range(count)]
        self._nodes.append(helper.make_node("Split", [values, self.constant([1] * count)], names, axis=-1))
        return names

    def cast(self, values: str, dtype: str, output: str = "") -> str:
        """The values in another type."""
        return self.add("Cast", [values], output, to=tensor_type(dtype))

    def reduce_max(self, values: str, axis: int) -> str:
        """The largest values along an axis, which stays, with size 1."""
        if self.opset < 18:  # which made the axes an input
            return self.add("ReduceMax", [values], axes=[axis], keepdims=1)
        return self.add("ReduceMax", [values, self.constant([axis])], keepdims=1)

    def constant(self, value: float | Sequence[int], dtype: str = "int64") -> str:
        """A small constant."""
        tensor = numpy_helper.from_array(np.array(value, dtype))
        tensor.name = f"{dtype}_{value}"
        self._constants[tensor.name] = tensor
        return str(tensor.name)

    def weight(self, parameter: str) -> str:
        """A parameter with its heads merged, so that every product is a matrix product."""
        axes = _merged_axes(parameter)
        return self._add_weight(parameter, self._shape(axes), partial(self._source.read, parameter, axes))

    def own_weight(self, name: str, values: np.ndarray) -> str:
        """A weight that is none of the checkpoint's parameters."""
        return self._add_weight(name, values.shape, lambda: values)

    def joined_weights(self, name: str, parameters: Sequence[str]) -> str:
        """Parameters of the same shape joined along their last axis, as one weight."""
        axes = _merged_axes(parameters[0])

        def load() -> np.ndarray:
            return np.concatenate([self._source.read(parameter, axes) for parameter in parameters], axis=-1)

        shape = self._shape(axes)
        return self._add_weight(name, (*shape[:-1], shape[-1] * len(parameters)), load)

    def _shape(self, axes: str) -> tuple[int, ...]:
        return named_axes.shape(axes, self._source.sizes)

    def _add_weight(self, name: str, shape: tuple[int, ...], load: Callable[[], np.ndarray]) -> str:
        self._weights[name] = Weight(
            name,
            shape,
            self.floats,
            lambda: cast(load(), self.floats, name, "keep --precision fp32"),
        )
        return name

    def draft(self, inputs: Sequence[str], outputs: Sequence[str], integers: str, floats: str) -> Draft:
        """The graph with these inputs, each [B, ?], and outputs, in these types."""
        values = [helper.make_tensor_value_info(name, tensor_type(integers), [None, None]) for name in inputs]
        weights = list(self._weights.values())
        values += [
            helper.make_tensor_value_info(weight.name, tensor_type(weight.dtype), weight.shape)
            for weight in weights
        ]
        results = [helper.make_tensor_value_info(name, tensor_type(floats), None) for name in outputs]
        graph = helper.make_graph(self._nodes, "bertferry", values, results, list(self._constants.values()))
        domains = {node.domain for node in self._nodes} - {""}
        imports = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
        return Draft(helper.make_model(graph, opset_imports=imports), weights, outputs)


def _merged_axes(parameter: str) -> str:
    return canonical_axes(parameter).replace("heads head_size", "(heads head_size)")
