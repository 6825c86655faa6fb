"""Rewrites the products and lookups of an ONNX graph so that their weights have eight bits."""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bertferry.core.onnx_files.eight_bits import to_eight_bits

REDUCTIONS_TAKE_AXES = 18
"""Opset since which the axes of ReduceMax and ReduceMin are an input."""
STEPS = 255.0
LEAST_SCALE = 1e-30
"""Of vectors whose values are all equal."""
MOST_TERMS = 2**31 // (255 * 127)
"""Longest sum of products of bytes that fits into 32 bits."""


class Quantized(NamedTuple):
    """Names of a weight's parts: int8 values; scales of columns [N], or of rows [N, 1]; sums of either [N]."""

    values: str
    scales: str
    sums: str


class QuantizedGraph:
    """A graph whose weights are replaced one by one.

    What a product takes is rounded to bytes while the graph runs, every vector along the last axis between its own
    smallest and largest value: vector ≈ least + scale · bytes. ONNX's DynamicQuantizeLinear has a single scale for
    all vectors, which the largest value of a single token determines. Then

      vector · kernel ≈ scale · (bytes · int8) · scales + least · sums

    with a scale for each column of the kernel, and the sums of its columns. Every operation is of ai.onnx.
    The weights `kept` stay.
    """

    def __init__(self, graph: onnx.GraphProto, opset: int, kept: Collection[str] = ()) -> None:
        self._graph = graph
        self._opset = opset
        self._weights = {
            tensor.name: tensor
            for tensor in graph.initializer
            if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2
            if 0 not in tensor.dims and tensor.name not in kept
        }
        self._transposed = {
            node.output[0]: node.input[0]
            for node in graph.node
            if node.op_type == "Transpose" and node.input[0] in self._weights
            if _attributes(node).get("perm", [1, 0]) == [1, 0]
        }
        self._nodes: list[onnx.NodeProto] = []
        self._done: set[str] = set()

    def rewrite(self) -> None:
        """Rewrites the graph; bodies of loops and branches stay as they are."""
        for node in self._graph.node:
            if node.op_type == "Gather" and node.input[0] in self._weights and not _attributes(node).get("axis"):
                self._look_up(node)
            elif node.op_type == "MatMul" and self._fits(node.input[1]):
                self._multiply(node.input[0], node.input[1], node.output[0])
            elif node.op_type == "Gemm" and self._is_product(node):
                self._multiply_and_add(node)
            else:
                self._nodes.append(node)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        self._remove_unused()

    def _fits(self, kernel: str, *, transposed: bool = False) -> bool:
        """Whether a kernel is a weight, or one transposed, and its sums of products fit into 32 bits."""
        weight = self._weights.get(self._transposed.get(kernel, kernel))
        axis = int(transposed != (kernel in self._transposed))
        return weight is not None and weight.dims[axis] <= MOST_TERMS

    def _is_product(self, gemm: onnx.NodeProto) -> bool:
        """Whether a Gemm computes A · B + C, perhaps with B transposed, and B is a weight."""
        given = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0, **_attributes(gemm)}
        plain = given["alpha"] == given["beta"] == 1 and not given["transA"]
        return plain and self._fits(gemm.input[1], transposed=bool(given["transB"]))

    def _look_up(self, node: onnx.NodeProto) -> None:
        """Rows of a table, each with its own scale."""
        table, ids = node.input
        output = node.output[0]
        weight = self._quantized(table, axis=1)
        rows = self._cast(self._add("Gather", [weight.values, ids], _part(output, "looked_up")), TensorProto.FLOAT)
        scale = self._add("Gather", [weight.scales, ids], _part(output, "own_scale"))
        self._add("Mul", [rows, scale], output)

    def _multiply_and_add(self, node: onnx.NodeProto) -> None:
        """Gemm: a product, perhaps with the transposed kernel, and a bias."""
        values, kernel, *bias = node.input
        output = node.output[0]
        product = _part(output, "product") if any(bias) else output
        self._multiply(values, kernel, product, transposed=bool(_attributes(node).get("transB")))
        if any(bias):
            self._add("Add", [product, *bias], output)

    def _multiply(self, values: str, kernel: str, output: str, *, transposed: bool = False) -> None:
        """values · kernel, or values · kernelᵀ."""
        transposed = transposed != (kernel in self._transposed)
        eight, scales, sums = self._quantized(self._transposed.get(kernel, kernel), axis=int(transposed))
        if transposed:
            eight = self._add("Transpose", [eight], _part(eight, "transposed"), perm=[1, 0])
            scales = self._add("Reshape", [scales, self._constant([-1], "int64")], _part(scales, "row"))
        codes, scale, least = self._round(values)
        product = self._cast(
            self._add("MatMulInteger", [codes, eight], _part(output, "integers")), TensorProto.FLOAT
        )
        # Both scales at once look like those of DynamicQuantizeLinear, and ONNX Runtime then takes only the first.
        product = self._add("Mul", [product, scales], _part(output, "columns"))
        product = self._add("Mul", [product, scale], _part(output, "rows"))
        offset = self._add("Mul", [least, sums], _part(output, "offset"))
        self._add("Add", [product, offset], output)

    def _round(self, values: str) -> tuple[str, str, str]:
        """Each vector as bytes, and its scale and its smallest value, with size 1 along the last axis."""
        least = self._reduce("ReduceMin", values, _part(values, "least"))
        greatest = self._reduce("ReduceMax", values, _part(values, "greatest"))
        span = self._add("Sub", [greatest, least], _part(values, "span"))
        step = self._add("Div", [span, self._constant(STEPS)], _part(values, "step"))
        scale = self._add("Max", [step, self._constant(LEAST_SCALE)], _part(values, "scale"))
        offset = self._add("Sub", [values, least], _part(values, "from_least"))
        ratio = self._add("Div", [offset, scale], _part(values, "in_steps"))
        rounded = self._add("Round", [ratio], _part(values, "rounded"))
        return self._cast(rounded, TensorProto.UINT8), scale, least

    def _reduce(self, op: str, values: str, output: str) -> str:
        if self._opset < REDUCTIONS_TAKE_AXES:
            return self._add(op, [values], output, axes=[-1], keepdims=1)
        return self._add(op, [values, self._constant([-1], "int64")], output, keepdims=1)

    def _quantized(self, name: str, axis: int) -> Quantized:
        """A weight, quantized for sums along an axis."""
        names = Quantized(*(_part(name, f"{part}_{axis}") for part in Quantized._fields))
        if names.values not in self._done:
            values, scales = to_eight_bits(numpy_helper.to_array(self._weights[name]), axis)
            self._store(names.values, values)
            self._store(names.scales, scales[:, np.newaxis] if axis else scales)
            self._store(
                names.sums, (values.sum(axis, dtype=np.int64) * scales.astype(np.float64)).astype(np.float32)
            )
        return names

    def _constant(self, value: float | list[int], dtype: str = "float32") -> str:
        name = _part(dtype, str(value))
        if name not in self._done:
            self._store(name, np.array(value, dtype))
        return name

    def _store(self, name: str, values: np.ndarray) -> None:
        self._graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        self._done.add(name)

    def _cast(self, values: str, kind: int) -> str:
        return self._add("Cast", [values], _part(values, "cast"), to=kind)

    def _add(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Adds an operation, unless it is there already; returns its output."""
        if output not in self._done:
            self._nodes.append(helper.make_node(op, inputs, [output], output, **attributes))
            self._done.add(output)
        return output

    def _remove_unused(self) -> None:
        """Removes transposed tables and weights that nothing takes any more."""
        used = _names_taken(self._graph)
        nodes = [node for node in self._graph.node if node.output[0] not in self._transposed.keys() - used]
        del self._graph.node[:]
        self._graph.node.extend(nodes)
        used = _names_taken(self._graph)
        kept = [tensor for tensor in self._graph.initializer if tensor.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)


def _names_taken(graph: onnx.GraphProto) -> set[str]:
    """Every name that a node takes or a graph returns, also in bodies and branches."""
    names = {value.name for value in graph.output}
    for node in graph.node:
        names.update(node.input)
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                names |= _names_taken(inner)
    return names


def _part(tensor: str, part: str) -> str:
    """A name for a part of what takes the place of a tensor."""
    return f"{tensor}/eight_bits/{part}"


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
