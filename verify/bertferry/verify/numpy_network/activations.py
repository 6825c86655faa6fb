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


def gelu_10(x: np.ndarray) -> None:
    """gelu_erf, no less than -10 and no more than 10."""
    gelu_erf(x)
    np.clip(x, -10, 10, out=x)


def quick_gelu(x: np.ndarray) -> None:
    """x / (1 + exp(-1.702 x)): Hendrycks & Gimpel 2016, the coarser approximation."""
    x *= 1.702
    silu(x)
    x /= 1.702


def relu(x: np.ndarray) -> None:
    """The larger of x and 0."""
    np.maximum(x, 0, out=x)


def relu2(x: np.ndarray) -> None:
    """The square of relu."""
    relu(x)
    x *= x


def relu6(x: np.ndarray) -> None:
    """relu, no more than 6."""
    np.clip(x, 0, 6, out=x)


def leaky_relu(x: np.ndarray) -> None:
    """x, a hundredth of it below 0."""
    np.maximum(x, x / 100, out=x)


def tanh(x: np.ndarray) -> None:
    """The hyperbolic tangent."""
    np.tanh(x, out=x)


def sigmoid(x: np.ndarray) -> None:
    """1 / (1 + exp(-x)), as (1 + tanh(x/2)) / 2, which does not overflow."""
    x *= 0.5
    np.tanh(x, out=x)
    x += 1
    x *= 0.5


def hardswish(x: np.ndarray) -> None:
    """0 below -3, x above 3, x (x + 3) / 6 between."""
    x *= np.clip(x / 6 + 0.5, 0, 1)


def mish(x: np.ndarray) -> None:
    """x tanh(log(1 + exp(x))): Misra 2019."""
    x *= np.tanh(_softplus(x))


def sqrtsoftplus(x: np.ndarray) -> None:
    """The root of log(1 + exp(x))."""
    np.sqrt(_softplus(x), out=x)


def laplace(x: np.ndarray) -> None:
    """The distribution function of a normal distribution with mean 0.707107 and standard deviation 0.282095."""
    x -= 0.707107
    x /= 0.282095 * math.sqrt(2)
    x[...] = erf(x)
    x += 1
    x *= 0.5


def linear(x: np.ndarray) -> None:
    """x itself."""


def _softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)), without overflow where x is large."""
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def _times_half_of_one_plus(x: np.ndarray, inner: np.ndarray) -> None:
    inner += 1
    inner *= 0.5
    x *= inner


ACTIVATION_FUNCTIONS: dict[str, Callable[[np.ndarray], None]] = {
    "gelu_tanh": gelu_tanh,
    "gelu_erf": gelu_erf,
    "gelu_10": gelu_10,
    "quick_gelu": quick_gelu,
    "relu": relu,
    "relu2": relu2,
    "relu6": relu6,
    "leaky_relu": leaky_relu,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "silu": silu,
    "hardswish": hardswish,
    "mish": mish,
    "sqrtsoftplus": sqrtsoftplus,
    "laplace": laplace,
    "linear": linear,
}
