"""Moves what saves and restores a SavedModel's variables from functions into its main graph.

TensorFlow writes two functions for that, with nodes for every variable. Only the main graph calls them, for
servers: `tf.saved_model.load` restores the variables by itself, but rebuilds every function of the library before.
"""

from collections.abc import Iterator

import tensorflow as tf

from bertferry.modeling.tf_compat import FunctionDef, OpDef, get_op_def

CALLS = ("PartitionedCall", "StatefulPartitionedCall")


def inline_saver(meta_graph: tf.compat.v1.MetaGraphDef) -> None:
    """Replaces the calls that a SavedModel's `saver_def` names by the nodes of the functions that they call.

    The names in `saver_def` stay: an identity stands where a call stood, and waits for all that its function did.
    """
    saver, graph = meta_graph.saver_def, meta_graph.graph_def
    steps = (saver.save_tensor_name.partition(":")[0], saver.restore_op_name)
    for call in [node for node in graph.node if node.name in steps and node.op in CALLS]:
        place, function = next(
            (place, function)
            for place, function in enumerate(graph.library.function)
            if function.signature.name == call.attr["f"].func.name
        )
        graph.node.extend(_body(call, function))
        _forward(call, function)
        del graph.library.function[place]


def _body(call: tf.compat.v1.NodeDef, function: FunctionDef) -> Iterator[tf.compat.v1.NodeDef]:
    """The function's nodes as nodes of a graph, below the name of the call."""
    tensors = _tensors(call, function)
    for node in function.node_def:
        copy = tf.compat.v1.NodeDef.FromString(node.SerializeToString())
        copy.name = f"{call.name}/{node.name}"
        copy.input[:] = [
            f"^{call.name}/{name[1:]}" if name.startswith("^") else tensors[name] for name in node.input
        ]
        yield copy


def _forward(call: tf.compat.v1.NodeDef, function: FunctionDef) -> None:
    """Makes an identity of the call: of the only tensor that the function returns, after all that it does."""
    (returned,) = function.ret.values()
    (kind,) = call.attr["Tout"].list.type
    done = sorted(f"^{call.name}/{node}" for node in function.control_ret.values())
    inputs = [_tensors(call, function)[returned], *done]
    call.CopyFrom(tf.compat.v1.NodeDef(name=call.name, op="Identity", input=inputs))
    call.attr["T"].type = kind


def _tensors(call: tf.compat.v1.NodeDef, function: FunctionDef) -> dict[str, str]:
    """The tensors of a function by the names that they have in it: `argument`, or `node:output:place`.

    In a graph, a node's outputs are counted through: `node:place`.
    """
    tensors = dict(zip((argument.name for argument in function.signature.input_arg), call.input, strict=False))
    for node in function.node_def:
        place = 0
        for output in get_op_def(node.op).output_arg:
            for number in range(_count(node, output)):
                tensors[f"{node.name}:{output.name}:{number}"] = f"{call.name}/{node.name}:{place}"
                place += 1
    return tensors


def _count(node: tf.compat.v1.NodeDef, output: OpDef.ArgDef) -> int:
    """How many tensors an output of an operation is."""
    if output.number_attr:
        return int(node.attr[output.number_attr].i)
    return len(node.attr[output.type_list_attr].list.type) if output.type_list_attr else 1
