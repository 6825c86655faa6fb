"""The values that a function captures: those of variables, and tensors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
import tensorflow as tf

from bertferry.core.errors import DataError
from bertferry.export.onnx.functions import Program
from bertferry.export.onnx.resources import Owner
from bertferry.modeling.tf_compat import ConcreteFunction, find_variable, list_captures, read_reference_variable

FEW = 1024
"""Integers and flags, of at most that many elements, become constants: axes, shapes and sizes must be known."""
REFERENCES = ("Variable", "VariableV2")
"""The variables of TensorFlow 1, which are nodes of the graph and no resources."""


@dataclass(frozen=True)
class Captured:
    """A captured value: its name, shape and type, and what reads it."""

    name: str
    shape: tuple[int, ...]
    dtype: tf.DType
    load: Callable[[], np.ndarray]

    @property
    def is_small(self) -> bool:
        """Whether it is no weight: a text, or a few integers or flags."""
        return self.dtype == tf.string or (not self.dtype.is_floating and prod(self.shape) <= FEW)


def find_owners(function: ConcreteFunction) -> dict[str, Owner]:
    """The captured variables, or captured tensors themselves, by the names of their placeholders."""
    owners: dict[str, Owner] = {}
    for name, value in list_captures(function).items():
        variable = find_variable(function, value) if value.dtype == tf.resource else None
        owners[name] = value if variable is None else variable
    return owners


def capture_values(owners: Mapping[str, Owner], used: set[str]) -> dict[str, Captured]:
    """The values behind the placeholders that are used.

    Raises:
      DataError: a value of a type that ONNX does not have.
    """
    return {name: _captured(owner) for name, owner in owners.items() if name in used}


def _captured(owner: Owner) -> Captured:
    if isinstance(owner, tf.Variable):
        return Captured(owner.name.removesuffix(":0"), tuple(owner.shape), owner.dtype, owner.numpy)
    if owner.dtype in (tf.variant, tf.resource):
        raise DataError(f"it captures a value of a type that ONNX does not have ({owner.dtype.name})")
    return Captured("captured", tuple(owner.shape), owner.dtype, owner.numpy)


def capture_references(function: ConcreteFunction, program: Program) -> dict[str, Captured]:
    """The values of TF1's variables; their nodes become placeholders."""
    found = {}
    for node in program.main.nodes:
        if node.op in REFERENCES:
            dtype, shape = tf.as_dtype(node.attr["dtype"].type), node.attr["shape"].shape
            sizes = tuple(dimension.size for dimension in shape.dim)
            read = _reader(function, node.name)
            found[node.name] = Captured(node.name, sizes, dtype, read)
            node.op = "Placeholder"
            for name in node.attr.keys() - {"dtype", "shape"}:
                del node.attr[name]
    return found


def _reader(function: ConcreteFunction, node: str) -> Callable[[], np.ndarray]:
    return lambda: read_reference_variable(function, node)
