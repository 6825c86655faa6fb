"""The activations of `config.ACTIVATIONS`. Each replaces the values of an array by its own."""

import math
from collections.abc import Callable

import numpy as np

from bertferry.verify.numpy_network.error_function import erf


def gelu_tanh(x: np.ndarray) -> None:
    """x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))): Hendrycks & Gimpel 2016, the approximation."""
    inner = x * x
    inner *= 0.044715 * math.sqrt(2 / math.pi)
    inner += math.sqrt(2 / math.pi)
    inner *= x
    np.tanh(inner, out=inner)
    _times_half_of_one_plus(x, inner)


def gelu_erf(x: np.ndarray) -> None:
    """x/2 · (1 + erf(x/√2)): Hendrycks & Gimpel 2016, the exact form."""
    _times_half_of_one_plus(x, erf(x * math.sqrt(0.5)))


def silu(x: np.ndarray) -> None:
    """x / (1 + exp(-x)), without overflow where -x is large."""
    exponential = np.exp(-np.abs(x))
    numerator = np.where(x < 0, exponential, np.ones_like(x))
    exponential += 1
    numerator /= exponential
    x *= numerator


def relu(x: np.ndarray) -> None:
    """The larger of x and 0."""
    np.maximum(x, 0, out=x)


def tanh(x: np.ndarray) -> None:
    """The hyperbolic tangent."""
    np.tanh(x, out=x)


def _times_half_of_one_plus(x: np.ndarray, inner: np.ndarray) -> None:
    inner += 1
    inner *= 0.5
    x *= inner


ACTIVATION_FUNCTIONS: dict[str, Callable[[np.ndarray], None]] = {
    "gelu_tanh": gelu_tanh,
    "gelu_erf": gelu_erf,
    "relu": relu,
    "tanh": tanh,
    "silu": silu,
}
