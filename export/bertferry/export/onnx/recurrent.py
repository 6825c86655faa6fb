"""Finds the weights of LSTM and GRU layers, which tf2onnx recognizes only if their weights are constants."""

from collections.abc import Collection

import tensorflow as tf

from bertferry.export.onnx.functions import LOOPS, Body, NodeDef, Program, bodies_of, dtype_of, node_of

GATES = (3, 4)
"""Parts into which a GRU and an LSTM split the product of their kernels."""


def gate_weights(program: Program, weights: Collection[str]) -> set[str]:
    """Those of the placeholders `weights` that a loop over gates uses unchanged in every step.

    tf2onnx merges and reorders them for ONNX's operators, once.
    """
    nodes = {node.name: node for node in program.main.nodes}
    found: set[str] = set()
    for node in program.main.nodes:
        if node.op not in LOOPS:
            continue
        body = program.bodies[bodies_of(node)[1]]
        if not _has_gates(body):
            continue
        stack = [
            node_of(tensor)
            for place, tensor in enumerate(node.input)
            if _is_constant(body, place) and dtype_of(nodes, tensor) != tf.variant.as_datatype_enum
        ]
        seen: set[str] = set()
        while stack:
            name = stack.pop()
            if name not in seen:
                seen.add(name)
                stack += [node_of(tensor) for tensor in nodes[name].input]
        found |= seen & set(weights)
    return found


def _has_gates(body: Body) -> bool:
    """Whether a body reads a sequence and splits a product into gates."""
    reads = any(node.op == "TensorListGetItem" for node in body.nodes)
    return reads and any(node.op == "Split" and node.attr["num_split"].i in GATES for node in body.nodes)


def _is_constant(body: Body, place: int) -> bool:
    """Whether a loop's variable stays what it is."""
    nodes: dict[str, NodeDef] = {node.name: node for node in body.nodes}
    node = nodes[node_of(body.results[place])]
    while node.op == "Identity":
        node = nodes[node_of(node.input[0])]
    return node.name == body.arguments[place]
