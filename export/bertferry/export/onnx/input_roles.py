"""What a signature's inputs are used for: rows of a table, sizes, or plain values.

A probe of any integers would fail, or never end, where they are indices, shapes or numbers of steps.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from bertferry.export.onnx.functions import CONTROL_FLOW, LOOPS, Body, Program, bodies_of, given_to_bodies, node_of
from bertferry.export.onnx.tables import searches

SIZES: Mapping[str, tuple[int, ...]] = {
    "Range": (0, 1, 2),
    "Fill": (0,),
    "Tile": (1,),
    "Reshape": (1,),
    "BroadcastTo": (1,),
    "OneHot": (1,),
    "Pad": (1,),
    "PadV2": (1,),
    "MirrorPad": (1,),
    "Slice": (1, 2),
    "StridedSlice": (1, 2, 3),
    "TopKV2": (1,),
    "LinSpace": (2,),
    "TensorListReserve": (1,),
    "TensorListResize": (1,),
    "ResizeBilinear": (1,),
    "ResizeNearestNeighbor": (1,),
    "ResizeBicubic": (1,),
    "ScatterNd": (2,),
    "Split": (0,),
    "SplitV": (1, 2),
    "ConcatV2": (-1,),
    "Roll": (1,),
    "UnsortedSegmentSum": (2,),
}
"""Inputs of operations that determine the size of a result; -1 is the last."""
TESTS = ("IsNan", "IsInf", "IsFinite")
"""Operations that give a meaning to values that are not finite."""


@dataclass(frozen=True)
class Input:
    """An input: shape (None where it is free), type, and use.

    `rows` is the number of rows of the table in which it looks up, `is_size` whether a size or a number of steps
    depends on it, `may_be_nan` whether the graph looks for NaN. `splits` is the input whose rows it may divide: a
    ragged tensor `x` is its values in a signature, `x`, and the limits of its rows, `x_1` and so on, outermost
    first. `keys` are those of the table in which it is looked up.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: tf.DType
    rows: int | None
    is_size: bool
    may_be_nan: bool
    splits: str | None = None
    keys: np.ndarray | None = None


def describe_inputs(
    program: Program, inputs: Mapping[str, str], tables: Mapping[str, tuple[int, ...]]
) -> tuple[Input, ...]:
    """The inputs of a program, by their names and tensors; `tables` has the shapes of the weights by node."""
    main = program.main
    nodes = {node.name: node for node in main.nodes}
    sizes = _ancestors(main, _size_tensors(program, main))
    rows: dict[str, int] = {}
    for node in main.nodes:
        if node.op in ("GatherV2", "Gather"):
            found = _ancestors(main, [node.input[0]]) & set(tables)
            axis = node.attr["batch_dims"].i if "batch_dims" in node.attr else 0
            if counts := [tables[name][axis] for name in found if len(tables[name]) > axis]:
                count = min(counts)
                for name in _ancestors(main, [node.input[1]]):
                    rows[name] = min(count, rows.get(name, count))
    keys = {name: found for tensor, found in searches(main) for name in _ancestors(main, [tensor])}
    tests = any(node.op in TESTS for body in program.all() for node in body.nodes)
    tests |= any(
        node.op in ("Equal", "NotEqual") and node.input[0] == node.input[1]
        for body in program.all()
        for node in body.nodes
    )
    described = []
    for name, tensor in inputs.items():
        node = nodes[node_of(tensor)]
        shape = tf.TensorShape(node.attr["shape"].shape)
        described.append(
            Input(
                name,
                (None, None) if shape.rank is None else tuple(shape.as_list()),
                tf.as_dtype(node.attr["dtype"].type),
                rows.get(node.name),
                node.name in sizes,
                tests,
                _splits(name, inputs),
                keys.get(node.name),
            )
        )
    return tuple(described)


def _splits(name: str, names: Collection[str]) -> str | None:
    match = re.fullmatch(r"(.+)_([1-9])", name)
    if match is None or match[1] not in names:
        return None
    inner = f"{match[1]}_{int(match[2]) + 1}"
    return inner if inner in names else match[1]


def _ancestors(body: Body, tensors: Collection[str]) -> set[str]:
    """The nodes on whose values the tensors depend; a shape does not depend on values."""
    nodes = {node.name: node for node in body.nodes}
    seen: set[str] = set()
    stack = [node_of(tensor) for tensor in tensors]
    while stack:
        name = stack.pop()
        if name not in seen:
            seen.add(name)
            node = nodes[name]
            stack += [node_of(tensor) for tensor in node.input] if node.op not in ("Shape", "Size", "Rank") else []
    return seen


def _size_tensors(program: Program, body: Body) -> list[str]:
    """The tensors of a body on whose values sizes and numbers of steps depend."""
    tensors: list[str] = []
    for node in body.nodes:
        tensors += [node.input[place] for place in SIZES.get(node.op, ()) if place < len(node.input)]
        if node.op in CONTROL_FLOW:
            given = given_to_bodies(node)
            tensors += [given[place] for place in _size_arguments(program, node.op, bodies_of(node))]
    return tensors


def _size_arguments(program: Program, op: str, names: list[str]) -> set[int]:
    """The places of the arguments of a loop or branch on which sizes and numbers of steps depend."""
    bodies = [program.bodies[name] for name in names]
    places = {place for body in bodies for place in _arguments(body, _size_tensors(program, body))}
    if op not in LOOPS:
        return places
    condition, step = bodies
    places |= _arguments(condition, condition.results)
    while True:  # what determines them in the next step does so too
        more = places | _arguments(step, [step.results[place] for place in places])
        if more == places:
            return places
        places = more


def _arguments(body: Body, tensors: Collection[str]) -> set[int]:
    found = _ancestors(body, tensors)
    return {place for place, name in enumerate(body.arguments) if name in found}


def is_integer(given: Input) -> bool:
    """Whether an input takes integers."""
    return bool(np.issubdtype(given.dtype.as_numpy_dtype, np.integer))


Values = Callable[[Input, tuple[int, ...]], np.ndarray]
"""Values of a shape for an input."""
