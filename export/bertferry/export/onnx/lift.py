"""Replaces the variables in a function's graph by placeholders, which leaves a small graph.

tf2onnx copies its graph many times; if it contains the weights of a BERT, that takes minutes and many gigabytes. A
graph whose weights are placeholders is converted in seconds, and the weights are added to the result.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod

import tensorflow as tf

from bertferry.core.errors import DataError
from bertferry.export.onnx.branches import split_switches
from bertferry.export.onnx.corrections import correct
from bertferry.export.onnx.functions import NodeDef, Program, dtype_of, expand, node_of, to_graph_def
from bertferry.export.onnx.recurrent import gate_weights
from bertferry.export.onnx.resources import Owner, drop_state, replace_handles
from bertferry.export.onnx.weights import LiftedGraph, Weight
from bertferry.modeling.tf_compat import find_variable, get_argument_name, list_captures

FEW = 1024
"""Integers and flags, of at most that many elements, become constants: axes, shapes and sizes must be known."""


@dataclass(frozen=True)
class Captured:
    """A value that a function captures: a variable's, or a tensor's."""

    name: str
    shape: tuple[int, ...]
    dtype: tf.DType
    value: tf.Variable | tf.Tensor

    @property
    def is_small(self) -> bool:
        """Whether it is no weight: a text, or a few integers or flags."""
        return self.dtype == tf.string or (not self.dtype.is_floating and prod(self.shape) <= FEW)


def lift(function: tf.types.experimental.ConcreteFunction) -> LiftedGraph:
    """The graph of a concrete function, with calls inlined and captured values replaced by placeholders.

    Raises:
      DataError: it uses a resource that is not a variable, such as a lookup table, or depends on state.
    """
    captures = list_captures(function)
    inputs = {
        get_argument_name(tensor): tensor.name for tensor in function.inputs if tensor.op.name not in captures
    }
    owners = {name: _owner(function, value) for name, value in captures.items()}
    program = expand(function)
    split_switches(program)
    program = drop_state(program, owners)
    replace_handles(program, owners)
    correct(program)
    outputs = _add_outputs(program, sorted(function.structured_outputs))
    values = {name: _captured(name, owner) for name, owner in owners.items()}
    needed = {node_of(tensor) for body in (program.main,) for node in body.nodes for tensor in node.input}
    values = {name: value for name, value in values.items() if name in needed}
    constants = {name for name, value in values.items() if value.is_small} | gate_weights(program, values)
    _place(program, inputs, values, constants)
    weights = {
        f"{name}:0": _weight(value, number)
        for number, (name, value) in enumerate((n, v) for n, v in values.items() if n not in constants)
    }
    return LiftedGraph(to_graph_def(program), inputs, outputs, {}, weights)


def _owner(function: tf.types.experimental.ConcreteFunction, value: tf.Tensor) -> Owner:
    """The captured variable, or the captured tensor itself."""
    variable = find_variable(function, value) if value.dtype == tf.resource else None
    return value if variable is None else variable


def _captured(name: str, owner: Owner) -> Captured:
    if isinstance(owner, tf.Variable):
        return Captured(owner.name.removesuffix(":0"), tuple(owner.shape), owner.dtype, owner)
    if owner.dtype == tf.variant:
        raise DataError(f"captures the value {name} of a type that ONNX does not have (variant)")
    return Captured("captured", tuple(owner.shape), owner.dtype, owner)


def _add_outputs(program: Program, names: list[str]) -> dict[str, str]:
    """Adds an identity for each result: it may be an input, a weight, a constant or another result too."""
    outputs = {}
    main = program.main
    nodes = {node.name: node for node in main.nodes}
    for place, (name, tensor) in enumerate(zip(names, main.results, strict=True)):
        node = NodeDef(name=f"bertferry_output_{place}", op="Identity", input=[tensor])
        node.attr["T"].type = dtype_of(nodes, tensor)
        main.nodes.append(node)
        outputs[name] = f"{node.name}:0"
    main.results[:] = outputs.values()
    return outputs


def _place(
    program: Program, inputs: Mapping[str, str], values: Mapping[str, Captured], constants: Collection[str]
) -> None:
    """Makes captured values placeholders or constants, and removes those that nothing needs."""
    kept = {node_of(tensor) for tensor in inputs.values()} | set(values)
    main = program.main
    main.nodes[:] = [node for node in main.nodes if node.name not in main.arguments or node.name in kept]
    for node in main.nodes:
        if node.name in constants:
            node.op = "Const"
            dtype = values[node.name].dtype
            node.attr.clear()
            node.attr["dtype"].type = dtype.as_datatype_enum
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values[node.name].value.numpy(), dtype))


def _weight(captured: Captured, number: int) -> Weight:
    """Named after the variable; the number distinguishes names that Keras uses twice."""
    name = f"{captured.name}_{number}"
    return Weight(name, captured.shape, captured.dtype.as_numpy_dtype.__name__, captured.value.numpy)
