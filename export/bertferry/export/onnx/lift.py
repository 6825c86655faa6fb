"""Replaces the variables in a function's graph by placeholders, which leaves a small graph.

tf2onnx copies its graph many times; if it contains the weights of a BERT, that takes minutes and many gigabytes. A
graph whose weights are placeholders is converted in seconds, and the weights are added to the result.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from bertferry.core.errors import DataError
from bertferry.export.onnx.weights import LiftedGraph, Weight
from bertferry.modeling.tf_compat import find_variable
from bertferry.verify.runners.graph import InlinedGraph

PASSED_THROUGH = ("Identity",)


def lift(function: tf.types.experimental.ConcreteFunction) -> LiftedGraph:
    """The graph of a concrete function, with calls inlined and captured variables replaced by placeholders.

    Raises:
      DataError: it uses a resource that is not a variable, such as a lookup table.
    """
    inlined = InlinedGraph(function)
    resources = {name: find_variable(function, captured) for name, captured in inlined.captures.items()}
    return _replace_variables(inlined.definition, inlined.inputs, inlined.outputs, resources)


def _replace_variables(
    graph: tf.compat.v1.GraphDef,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    resources: Mapping[str, tf.Variable | None],
) -> LiftedGraph:
    nodes = {node.name: node for node in graph.node}
    lifted = tf.compat.v1.GraphDef(versions=graph.versions)
    weights: dict[str, Weight] = {}

    def weight_of(tensor: str) -> str:
        """The placeholder for the variable of a resource tensor."""
        node = nodes[tensor.split(":")[0].lstrip("^")]
        while node.op in PASSED_THROUGH:
            node = nodes[node.input[0].split(":")[0]]
        variable = resources.get(node.name)
        if variable is None:
            raise DataError(
                f"the graph uses {node.name} ({node.op}), which is not a variable: it cannot be converted"
            )
        if f"{node.name}:0" not in weights:
            weights[f"{node.name}:0"] = _weight(variable, len(weights))
            lifted.node.append(_placeholder(node.name, variable))
        return node.name

    for node in graph.node:
        if node.op == "ReadVariableOp":
            lifted.node.append(
                _replace_node(node, "Identity", [weight_of(node.input[0])], {"T": node.attr["dtype"]})
            )
        elif node.op == "ResourceGather":
            lifted.node.extend(_gather(node, weight_of(node.input[0])))
        elif node.op == "Erfc":
            lifted.node.extend(_complement_of_erf(node))
        elif not _is_resource(node):
            copy = lifted.node.add()
            copy.CopyFrom(node)
            kept = [name for name in node.input if not name.startswith("^")]
            if used := [name for name in kept if _is_resource(nodes[name.split(":")[0]])]:
                raise DataError(f"{node.op} uses the resource {used[0]}: ONNX can only express reading variables")
            del copy.input[:]
            copy.input.extend(kept)  # without control inputs, which may refer to removed nodes
    return LiftedGraph(lifted, dict(inputs), dict(outputs), {}, weights)


def _weight(variable: tf.Variable, number: int) -> Weight:
    """Named after the variable; the number distinguishes names that Keras uses twice."""
    name = f"{variable.name.removesuffix(':0')}_{number}"
    return Weight(name, tuple(variable.shape), variable.dtype.as_numpy_dtype.__name__, variable.numpy)


def _is_resource(node: tf.compat.v1.NodeDef) -> bool:
    dtypes = (node.attr["dtype"].type, node.attr["T"].type)
    return tf.resource.as_datatype_enum in dtypes and node.op in ("Placeholder", *PASSED_THROUGH)


def _placeholder(name: str, variable: tf.Variable) -> tf.compat.v1.NodeDef:
    node = tf.compat.v1.NodeDef(name=name, op="Placeholder")
    node.attr["dtype"].type = variable.dtype.as_datatype_enum
    node.attr["shape"].shape.CopyFrom(variable.shape.as_proto())
    return node


def _replace_node(
    node: tf.compat.v1.NodeDef, op: str, inputs: list[str], attributes: Mapping[str, Any]
) -> tf.compat.v1.NodeDef:
    replacement = tf.compat.v1.NodeDef(name=node.name, op=op, input=inputs)
    for name, value in attributes.items():
        replacement.attr[name].CopyFrom(value)
    return replacement


def _gather(node: tf.compat.v1.NodeDef, weight: str) -> list[tf.compat.v1.NodeDef]:
    """A gather along the first axis after the batch axes, with its axis as a constant."""
    batch_dims = node.attr["batch_dims"].i
    axis = tf.compat.v1.NodeDef(name=f"{node.name}/axis", op="Const")
    axis.attr["dtype"].type = tf.int32.as_datatype_enum
    axis.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(batch_dims, tf.int32))
    gather = _replace_node(
        node,
        "GatherV2",
        [weight, node.input[1], axis.name],
        {"Tparams": node.attr["dtype"], "Tindices": node.attr["Tindices"], "Taxis": axis.attr["dtype"]},
    )
    gather.attr["batch_dims"].i = batch_dims
    return [axis, gather]


def _complement_of_erf(node: tf.compat.v1.NodeDef) -> list[tf.compat.v1.NodeDef]:
    """1 - erf(x): TensorFlow traces exact gelu to Erfc, which tf2onnx does not support."""
    erf = _replace_node(node, "Erf", list(node.input), {"T": node.attr["T"]})
    erf.name = f"{node.name}/erf"
    one = tf.compat.v1.NodeDef(name=f"{node.name}/one", op="Const")
    one.attr["dtype"].CopyFrom(node.attr["T"])
    one.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(1.0, tf.as_dtype(node.attr["T"].type)))
    return [erf, one, _replace_node(node, "Sub", [one.name, erf.name], {"T": node.attr["T"]})]


def input_specs(lifted: LiftedGraph) -> dict[str, tuple[list[int | None], Any, int | None]]:
    """Shape and type of each input, and the number of rows of the weight that it indexes, if it only does that."""
    nodes = {node.name: node for node in lifted.graph.node}
    rows: dict[str, int] = {}
    for node in lifted.graph.node:
        if node.op == "GatherV2" and f"{node.input[0]}:0" in lifted.weights:
            name = _origin(nodes, node.input[1])
            count = lifted.weights[f"{node.input[0]}:0"].shape[node.attr["batch_dims"].i]
            rows[name] = min(count, rows.get(name, count))
    specs = {}
    for name, tensor in lifted.inputs.items():
        node = nodes[tensor.split(":")[0]]
        dtype = tf.as_dtype(node.attr["dtype"].type).as_numpy_dtype
        shape = tf.TensorShape(node.attr["shape"].shape)
        sizes = [] if shape.rank is None else shape.as_list()
        specs[name] = sizes, dtype, rows.get(node.name)
    return specs


def _origin(nodes: Mapping[str, tf.compat.v1.NodeDef], tensor: str) -> str:
    """The node that computes a tensor's values, skipping operations that keep them."""
    node = nodes[tensor.split(":")[0]]
    while node.op in ("Identity", "Cast", "Reshape", "ExpandDims", "Squeeze"):
        node = nodes[node.input[0].split(":")[0]]
    return node.name
