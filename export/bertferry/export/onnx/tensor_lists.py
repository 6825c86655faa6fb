"""Finds out whether loops write their lists step by step, as the results of ONNX's Loop are: in no other order."""

import tensorflow as tf

from bertferry.export.onnx.functions import LOOPS, Body, NodeDef, Program, bodies_of, node_of

ADDITIONS = ("Add", "AddV2")
MADE = ("TensorListFromTensor", "TensorListReserve", "TensorListSetItem", "EmptyTensorList", "TensorListPushBack")
COUNTING = {"Placeholder", "Const", "Identity", "Less", "LogicalAnd"}
"""The operations of a condition that only counts steps."""


def lists_grow(program: Program) -> bool:
    """Whether every list that a loop writes grows from its first element to its last.

    tf2onnx takes what each step writes as the next element, whatever its index, and the steps for all elements.
    """
    for outer in program.all():
        nodes = {node.name: node for node in outer.nodes}
        for node in outer.nodes:
            if node.op.startswith("TensorList") and nodes[node_of(node.input[0])].op in MADE:
                return False  # no loop is between the two
        for loop in outer.nodes:
            if loop.op in LOOPS:
                condition, body = (program.bodies[name] for name in bodies_of(loop))
                writes = [node for node in body.nodes if node.op == "TensorListSetItem"]
                if not all(_grows(outer, loop, condition, body, node.input[1]) for node in writes):
                    return False
    return True


def _grows(outer: Body, loop: NodeDef, condition: Body, body: Body, index: str) -> bool:
    """Whether a list that is written at an index grows in every step, until all steps are done."""
    origin = _origin({node.name: node for node in body.nodes}, index)
    if origin.op == "Const":  # of which the last is read
        return True
    only_counts = not {node.op for node in condition.prune().nodes} - COUNTING
    return only_counts and _counts_up(outer, loop, body, origin)


def _counts_up(outer: Body, loop: NodeDef, body: Body, origin: NodeDef) -> bool:
    """Whether a node is a variable of the loop that begins with 0, and to which each step adds 1."""
    if origin.name not in body.arguments:
        return False
    nodes, outside = ({node.name: node for node in one.nodes} for one in (body, outer))
    place = body.arguments.index(origin.name)
    update, start = _origin(nodes, body.results[place]), _origin(outside, loop.input[place])
    if update.op not in ADDITIONS or _number(start) not in (0, None):
        return False
    terms = [_origin(nodes, tensor) for tensor in update.input]
    return any(term is origin for term in terms) and 1 in map(_number, terms)


def _number(node: NodeDef) -> int | None:
    """The value of a constant number; None for any other node."""
    if node.op != "Const":
        return None
    value = tf.make_ndarray(node.attr["value"].tensor)
    return int(value.reshape(-1)[0]) if value.size == 1 else None


def _origin(nodes: dict[str, NodeDef], tensor: str) -> NodeDef:
    node = nodes[node_of(tensor)]
    while node.op == "Identity":
        node = nodes[node_of(node.input[0])]
    return node
