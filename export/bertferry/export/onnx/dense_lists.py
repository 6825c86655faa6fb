"""Writes lists of tensors (TensorArrays) as tensors of all elements, where no loop fills them step by step.

tf2onnx makes of a list that a loop fills in order a result of ONNX's Loop, and cannot express others: for them, a
tensor is passed from step to step, and each write copies it.
"""

from collections.abc import Iterator, Sequence

import tensorflow as tf

from bertferry.core.errors import DataError
from bertferry.export.onnx.corrections import rewritten
from bertferry.export.onnx.functions import (
    CONTROL_FLOW,
    LOOPS,
    Body,
    NodeDef,
    Program,
    bodies_of,
    dtype_of,
    given_to_bodies,
    node_of,
)
from bertferry.export.onnx.list_operations import LIST_OPERATIONS

VARIANT = tf.variant.as_datatype_enum


def write_lists_as_tensors(program: Program) -> None:
    """Replaces every list of a program, in place.

    Raises:
      DataError: an operation on a list that no tensor can express, such as a list of lists.
    """
    _replace(program, program.main, {})


def _replace(program: Program, body: Body, given: dict[str, int]) -> list[int | None]:
    """Replaces the lists of a body; `given` are the types of its arguments' elements, the result those of its own.

    A type is None for what is no list.
    """
    nodes = {node.name: node for node in body.nodes}
    types: dict[str, int] = {}
    for name, dtype in given.items():
        nodes[name].attr["dtype"].type = types[f"{name}:0"] = dtype
        nodes[name].attr["shape"].shape.Clear()
        nodes[name].attr["shape"].shape.unknown_rank = True
    aliases: dict[str, str] = {}
    result: list[NodeDef] = []
    for node in _in_order(body):
        node.input[:] = [aliases.get(tensor, tensor) for tensor in node.input]
        if node.op in LIST_OPERATIONS:
            dtypes = [types.get(tensor) or dtype_of(nodes, tensor) for tensor in node.input]
            dtype = _element(node, [types.get(tensor) for tensor in node.input])
            new = rewritten(node, LIST_OPERATIONS[node.op], nodes, aliases, dtypes)
            assert new is not None
            if dtype_of(nodes, f"{node.name}:0") == VARIANT:
                types[aliases[f"{node.name}:0"]] = dtype
            nodes |= {one.name: one for one in new}
            result += new
            continue
        if node.op in CONTROL_FLOW:
            for place, inner in enumerate(_replace_inside(program, node, types)):
                if inner is not None:
                    types[f"{node.name}:{place}"] = inner
        elif any(tensor in types for tensor in node.input):
            if node.op != "Identity":
                raise DataError(f"{node.op} ({node.name}) of a list of tensors has no translation")
            node.attr["T"].type = types[f"{node.name}:0"] = types[node.input[0]]
        result.append(node)
    body.nodes[:] = result
    body.results[:] = [aliases.get(tensor, tensor) for tensor in body.results]
    return [types.get(tensor) for tensor in body.results]


def _element(node: NodeDef, given: Sequence[int | None]) -> int:
    """The type of a list's elements: what makes it says so."""
    dtype = node.attr["element_dtype"].type if "element_dtype" in node.attr else next(filter(None, given))
    if dtype in (VARIANT, tf.string.as_datatype_enum):
        raise DataError(f"{node.op} ({node.name}) of {tf.as_dtype(dtype).name} has no translation")
    return int(dtype)


def _replace_inside(program: Program, node: NodeDef, types: dict[str, int]) -> list[int | None]:
    """Replaces the lists that a loop or branch takes and returns."""
    given = [types.get(tensor) for tensor in given_to_bodies(node)]
    returned: list[int | None] = []
    for name in bodies_of(node):
        inner = program.bodies[name]
        arguments = zip(inner.arguments, given, strict=True)
        returned = _replace(program, inner, {name: dtype for name, dtype in arguments if dtype is not None})
    if node.op in LOOPS:
        returned = given
    for attribute, new in (("T", given), ("Tin", given), ("Tout", returned)):
        listed = node.attr[attribute].list.type if attribute in node.attr else []
        for place, dtype in enumerate(new if listed else []):
            listed[place] = dtype or listed[place]
    shapes = node.attr["output_shapes"].list.shape if "output_shapes" in node.attr else []
    for shape, dtype in zip(shapes, returned, strict=False):
        if dtype is not None:
            shape.Clear()
            shape.unknown_rank = True
    return returned


def _in_order(body: Body) -> Iterator[NodeDef]:
    """The nodes of a body, each after those on which it depends."""
    nodes = {node.name: node for node in body.nodes}
    done: set[str] = set()
    for first in list(body.nodes):
        stack = [(first.name, False)]
        while stack:
            name, ready = stack.pop()
            if ready:
                yield nodes[name]
            elif name not in done:
                done.add(name)
                stack.append((name, True))
                stack += [(node_of(tensor), False) for tensor in nodes[name].input]
