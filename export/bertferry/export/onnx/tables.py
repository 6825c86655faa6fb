"""Lookup tables as constants.

A SavedModel's tables have their entries when it is loaded. Those that its signature only reads become a search
among the keys, which tf2onnx_compat.py translates to LabelEncoder (https://onnx.ai/onnx/operators/, ai.onnx.ml),
and a gather from the values and the default. TensorFlow has no such search: PyFunc, which takes anything, stands
for it.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from bertferry.export.onnx.functions import Body, NodeDef, Program
from bertferry.export.onnx.resources import Owner, scopes

FIND, SIZE = "LookupTableFindV2", "LookupTableSizeV2"
SEARCH = "bertferry search"
"""The token of nodes that take what is looked up and a table's keys, and return their places, or the number of
keys for what is none."""
KEYS = (tf.string, tf.int64, tf.int32)


def freeze_tables(program: Program, captured: Mapping[str, Owner | None]) -> dict[str, Owner | None]:
    """Replaces reads of tables by their entries, in place, and returns the owners without their tables.

    A table that the program changes, or of types that ONNX has no table of, stays.
    """
    found = list(scopes(program, captured))
    uses = [use for scope in found for use in scope.uses() if isinstance(use.owner, tf.Tensor)]
    kept = {id(use.owner) for use in uses if not _can_freeze(use.node)}
    for scope in found:
        read = {use.node.name: use.owner for use in scope.uses() if isinstance(use.owner, tf.Tensor)}
        nodes: list[NodeDef] = []
        for node in scope.body.nodes:
            table = read.get(node.name)
            nodes += [node] if table is None or id(table) in kept else _frozen(node, table)
        scope.body.nodes[:] = nodes
    frozen = {id(use.owner) for use in uses} - kept
    unused = tf.constant(0)  # for a handle that loops and branches only pass on
    return {name: unused if id(owner) in frozen else owner for name, owner in captured.items()}


def searches(body: Body) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors that are looked up in tables, and the tables' keys."""
    constants = {f"{node.name}:0": node for node in body.nodes if node.op == "Const"}
    for node in body.nodes:
        if node.op == "PyFunc" and node.attr["token"].s.decode() == SEARCH:
            keys = tf.make_ndarray(constants[node.input[1]].attr["value"].tensor)
            if keys.dtype == object:
                keys = np.array([key.decode() for key in keys], object)
            yield node.input[0], keys


def _can_freeze(node: NodeDef) -> bool:
    return node.op == SIZE or (node.op == FIND and node.attr["Tin"].type in KEYS)


def _frozen(node: NodeDef, table: tf.Tensor) -> list[NodeDef]:
    """The nodes in place of a read."""
    if node.op == SIZE:
        return [_constant(node.name, tf.raw_ops.LookupTableSizeV2(table_handle=table).numpy())]
    key, value = node.attr["Tin"].type, node.attr["Tout"].type
    exported = tf.raw_ops.LookupTableExportV2(table_handle=table, Tkeys=key, Tvalues=value)
    keys, values = (part.numpy() for part in exported)
    if keys.ndim > 1:  # of DenseHashTable, whose keys may be vectors
        keys, values = keys.squeeze(1), values.squeeze(1)
    order = np.argsort(keys, kind="stable")  # that of a hash table varies
    name, int32, int64 = node.name, tf.int32.as_datatype_enum, tf.int64.as_datatype_enum
    search = _node(f"{name}/search", "PyFunc", [node.input[1], f"{name}/keys:0"], token=SEARCH.encode())
    search.attr["Tin"].list.type.extend([key, key])
    search.attr["Tout"].list.type.append(int64)
    shape = _node(f"{name}/shape", "Shape", [node.input[1]], T=key, out_type=int32)
    places = _node(f"{name}/places", "Reshape", [f"{name}/search:0", f"{name}/shape:0"], T=int64, Tshape=int32)
    default = _node(f"{name}/default", "ExpandDims", [node.input[2], f"{name}/first:0"], T=value, Tdim=int32)
    parts = [f"{name}/{part}:0" for part in ("values", "default", "first")]
    both = _node(f"{name}/all", "ConcatV2", parts, T=value, Tidx=int32)
    both.attr["N"].i = 2
    inputs = [f"{name}/{part}:0" for part in ("all", "places", "first")]
    gather = _node(name, "GatherV2", inputs, Tparams=value, Tindices=int64, Taxis=int32)
    return [
        *(_constant(f"{name}/keys", keys[order]), _constant(f"{name}/values", values[order])),
        *(_constant(f"{name}/first", np.array(0, np.int32)), search, shape, places, default, both, gather),
    ]


def _node(name: str, op: str, inputs: list[str], token: bytes = b"", **types: int) -> NodeDef:
    node = NodeDef(name=name, op=op, input=inputs)
    if token:
        node.attr["token"].s = token
    for attribute, dtype in types.items():
        node.attr[attribute].type = dtype
    return node


def _constant(name: str, value: np.ndarray) -> NodeDef:
    node = NodeDef(name=name, op="Const")
    proto = tf.make_tensor_proto(value)
    node.attr["dtype"].type = proto.dtype
    node.attr["value"].tensor.CopyFrom(proto)
    return node
