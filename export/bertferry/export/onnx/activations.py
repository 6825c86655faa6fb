"""The activations of `config.ACTIVATIONS` in standard ai.onnx operations, on float32 values."""

from collections.abc import Callable
from functools import partial
from math import pi
from typing import Any

from bertferry.export.onnx.builder import GraphBuilder

GELU_OPSET = 20
"""The first opset with the operation Gelu."""


def gelu(form: str, graph: GraphBuilder, x: str) -> str:
    """x · Φ(x), or its approximation x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³))).

    Hendrycks & Gimpel, 2016. ONNX Runtime recognizes the operations for old opsets in this order, and fuses them.
    """
    if graph.opset >= GELU_OPSET:
        return graph.add("Gelu", [x], approximate=form)
    add, number = graph.add, partial(graph.constant, dtype="float32")
    if form == "tanh":
        square = add("Mul", [add("Mul", [x, number(0.044715)]), x])
        inner = add("Mul", [add("Mul", [x, number((2 / pi) ** 0.5)]), add("Add", [square, number(1.0)])])
        curve = add("Tanh", [inner])
    else:
        curve = add("Erf", [add("Div", [x, number(2**0.5)])])
    return add("Mul", [add("Mul", [x, number(0.5)]), add("Add", [curve, number(1.0)])])


def gelu_10(graph: GraphBuilder, x: str) -> str:
    """The exact gelu between -10 and 10."""
    return _clip(graph, gelu("none", graph, x), -10.0, 10.0)


def quick_gelu(graph: GraphBuilder, x: str) -> str:
    """x · σ(1.702 x)."""
    scaled = graph.add("Mul", [x, graph.constant(1.702, "float32")])
    return graph.add("Mul", [x, graph.add("Sigmoid", [scaled])])


def relu2(graph: GraphBuilder, x: str) -> str:
    """relu(x)²."""
    positive = graph.add("Relu", [x])
    return graph.add("Mul", [positive, positive])


def silu(graph: GraphBuilder, x: str) -> str:
    """x · σ(x)."""
    return graph.add("Mul", [x, graph.add("Sigmoid", [x])])


def mish(graph: GraphBuilder, x: str) -> str:
    """x · tanh(log(1 + exp(x)))."""
    return graph.add("Mul", [x, graph.add("Tanh", [graph.add("Softplus", [x])])])


def sqrtsoftplus(graph: GraphBuilder, x: str) -> str:
    """√(log(1 + exp(x)))."""
    return graph.add("Sqrt", [graph.add("Softplus", [x])])


def laplace(graph: GraphBuilder, x: str) -> str:
    """½ · (1 + erf((x - μ)/(σ √2)))."""
    add, number = graph.add, partial(graph.constant, dtype="float32")
    scaled = add("Div", [add("Sub", [x, number(0.707107)]), number(0.282095 * 2**0.5)])
    return add("Mul", [add("Add", [add("Erf", [scaled]), number(1.0)]), number(0.5)])


def _clip(graph: GraphBuilder, x: str, least: float, most: float) -> str:
    return graph.add("Clip", [x, graph.constant(least, "float32"), graph.constant(most, "float32")])


def _one(operation: str, **attributes: Any) -> Callable[[GraphBuilder, str], str]:
    """An activation that is an operation."""
    return lambda graph, x: graph.add(operation, [x], **attributes)


ACTIVATION_STEPS: dict[str, Callable[[GraphBuilder, str], str]] = {
    "gelu_tanh": partial(gelu, "tanh"),
    "gelu_erf": partial(gelu, "none"),
    "gelu_10": gelu_10,
    "quick_gelu": quick_gelu,
    "relu": _one("Relu"),
    "relu2": relu2,
    "relu6": lambda graph, x: _clip(graph, x, 0.0, 6.0),
    "leaky_relu": _one("LeakyRelu", alpha=0.01),
    "tanh": _one("Tanh"),
    "sigmoid": _one("Sigmoid"),
    "silu": silu,
    "hardswish": _one("HardSwish"),
    "mish": mish,
    "sqrtsoftplus": sqrtsoftplus,
    "laplace": laplace,
    "linear": lambda graph, x: x,
}
"""Functions of a graph and the name of a tensor, which return the name of the result."""
