"""Inputs for signatures that nobody described."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from bertferry.export.onnx.weights import LiftedGraph


def input_specs(lifted: LiftedGraph) -> dict[str, tuple[list[int | None], Any, int | None]]:
    """Shape and type of each input, and the number of rows of the weight that it indexes, if it only does that."""
    nodes = {node.name: node for node in lifted.graph.node}
    rows: dict[str, int] = {}
    for node in lifted.graph.node:
        if node.op == "GatherV2":
            table = _origin(nodes, node.input[0])
            if f"{table}:0" not in lifted.weights:
                continue
            name = _origin(nodes, node.input[1])
            count = lifted.weights[f"{table}:0"].shape[node.attr["batch_dims"].i]
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
