"""Replaces the variables in a function's graph by placeholders, which leaves a small graph.

tf2onnx copies its graph many times; if it contains the weights of a BERT, that takes minutes and many gigabytes. A
graph whose weights are placeholders is converted in seconds, and the weights are added to the result.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from bertferry.export.onnx.branches import split_switches
from bertferry.export.onnx.captures import Captured, capture_references, capture_values, find_owners
from bertferry.export.onnx.corrections import correct
from bertferry.export.onnx.dense_lists import write_lists_as_tensors
from bertferry.export.onnx.functions import NodeDef, Program, dtype_of, expand, node_of, to_graph_def
from bertferry.export.onnx.input_roles import Input, describe_inputs
from bertferry.export.onnx.operations import BFLOAT16, check_operations, find_halves, find_precision
from bertferry.export.onnx.recurrent import gate_weights
from bertferry.export.onnx.resources import drop_state, replace_handles
from bertferry.export.onnx.tables import freeze_tables
from bertferry.export.onnx.tensor_lists import lists_grow
from bertferry.export.onnx.weights import Weight
from bertferry.export.onnx.widen import widen, widen_captured
from bertferry.modeling.tf_compat import get_argument_name


@dataclass(frozen=True)
class LiftedGraph:
    """A TensorFlow graph whose weights are placeholders.

    `inputs` and `outputs` map names to tensors of the graph, `weights` maps placeholders to their weights.
    `described` is what the inputs are for, `renamed` the names of outputs in the source by their names here,
    `precision` that of the source, `widened` whether the graph computes in float32 what the source does not, and
    `shapes` those of the outputs.
    """

    graph: tf.compat.v1.GraphDef
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    weights: Mapping[str, Weight]
    described: tuple[Input, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    precision: str = "fp32"
    widened: bool = False
    shapes: Mapping[str, tf.TensorShape] = field(default_factory=dict)


def lift(
    function: tf.types.experimental.ConcreteFunction,
    *,
    bind_weights: bool = False,
    in_float32: bool = False,
    dense_lists: bool = False,
) -> LiftedGraph:
    """The graph of a concrete function, with calls inlined and captured values replaced by placeholders.

    With `bind_weights`, they are constants instead. With `in_float32`, values of float16 are float32; those of
    bfloat16 always are. With `dense_lists`, lists of tensors are tensors; those that no loop fills step by step
    always are.

    Raises:
      DataError: it uses a resource that is no variable and no table, or depends on state.
    """
    owners = find_owners(function)
    inputs = {get_argument_name(tensor): tensor.name for tensor in function.inputs if tensor.op.name not in owners}
    program = expand(function)
    split_switches(program)
    owners = freeze_tables(program, owners)
    program = drop_state(program, owners)
    check_operations(program)
    replace_handles(program, owners)
    if dense_lists or not lists_grow(program):
        write_lists_as_tensors(program)
    precision = find_precision(program)
    halves = find_halves(program)
    widened = BFLOAT16 in halves or (in_float32 and bool(halves))
    if widened:
        widen(program, inputs)
    correct(program)
    outputs, renamed = _add_outputs(program, output_names(function.structured_outputs), inputs)
    used = {node_of(tensor) for node in program.main.nodes for tensor in node.input}
    values = {**capture_values(owners, used), **capture_references(function, program)}
    if widened:
        values = {name: widen_captured(value) for name, value in values.items()}
    constants = {name for name, value in values.items() if value.is_small or bind_weights}
    constants |= gate_weights(program, values)
    _place(program, inputs, values, constants)
    weights: dict[str, Weight] = {}
    for name, value in values.items():
        if name not in constants:
            weights[f"{name}:0"] = _weight(value, len(weights), {*inputs, *outputs})
    tables = {name: value.shape for name, value in values.items()}
    described = describe_inputs(program, inputs, tables)
    shapes = dict(zip(outputs, (tensor.shape for tensor in function.outputs), strict=True))
    graph = to_graph_def(program)
    return LiftedGraph(graph, inputs, outputs, weights, described, renamed, precision, widened, shapes)


def output_names(outputs: Mapping[str, Any]) -> list[str]:
    """The names of a signature's results in order; a ragged one has those of its components, as inputs have."""
    names: list[str] = []
    for name in sorted(outputs):
        for place in range(len(tf.nest.flatten(outputs[name], expand_composites=True))):
            names.append(f"{name}_{place}" if place else name)
    return names


def _add_outputs(
    program: Program, names: list[str], inputs: Collection[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Adds an identity for each result: it may be an input, a weight, a constant or another result too.

    Returns the outputs' tensors, and the original names of those that share theirs with an input: in ONNX, inputs
    and outputs are names of one graph.
    """
    outputs: dict[str, str] = {}
    renamed: dict[str, str] = {}
    main = program.main
    nodes = {node.name: node for node in main.nodes}
    for place, (name, tensor) in enumerate(zip(names, main.results, strict=True)):
        node = NodeDef(name=f"bertferry_output_{place}", op="Identity", input=[tensor])
        node.attr["T"].type = dtype_of(nodes, tensor)
        main.nodes.append(node)
        new = name
        while new in inputs or (new != name and new in names):
            new += "_output"
        if new != name:
            renamed[new] = name
        outputs[new] = f"{node.name}:0"
    main.results[:] = outputs.values()
    return outputs, renamed


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
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values[node.name].load(), dtype))


def _weight(captured: Captured, number: int, taken: Collection[str]) -> Weight:
    """Named after the variable; the number distinguishes names that Keras uses twice."""
    name = f"{captured.name}_{number}"
    while name in taken:
        name += "_"
    return Weight(name, captured.shape, captured.dtype.as_numpy_dtype.__name__, captured.load)
