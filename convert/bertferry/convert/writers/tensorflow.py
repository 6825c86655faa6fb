"""Writes TensorFlow checkpoints, name-based and object-based."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bertferry.convert.bundle import BundleWriter, ObjectGraphMessage
from bertferry.convert.chunks import bytes_of
from bertferry.convert.layout import Row
from bertferry.convert.readers.object_graph import GRAPH_KEY, VALUE, unescape
from bertferry.convert.writers.content import TensorContent

SAVE_COUNTER = "save_counter"
"""tf.train.Checkpoint creates this variable on restore, and strict restores require its value."""


def write_names(prefix: Path, tensors: Iterable[TensorContent]) -> dict[str, int]:
    """Writes a name-based checkpoint, like `tf.compat.v1.train.Saver`; returns the CRC-32C of each tensor."""
    return _write(prefix, tensors)


def write_objects(
    prefix: Path, rows: Iterable[Row], tensors: Iterable[TensorContent], aliases: Mapping[str, str]
) -> dict[str, int]:
    """Writes an object-based checkpoint, like `tf.train.Checkpoint`, with a graph of these variables only.

    `tensors` have the rows' stored names; `aliases` are additional paths to objects. Returns the CRC-32C of each
    tensor's bytes.
    """
    variables = [(row.stored, row.variable) for row in rows]
    graph = object_graph([*variables, (SAVE_COUNTER, SAVE_COUNTER)], aliases)
    saves = TensorContent(SAVE_COUNTER, "int64", (), [bytes_of(np.array(1, np.int64))])
    contents = [replace(one, name=one.name + VALUE) for one in (*tensors, saves)]
    crcs = _write(prefix, contents, graph.SerializeToString())
    return {name.removesuffix(VALUE): crc for name, crc in crcs.items()}


def object_graph(variables: Iterable[tuple[str, str]], aliases: Mapping[str, str]) -> Any:  # noqa: ANN401 - a message
    """The TrackableObjectGraph proto of objects with named edges.

    `variables` are (path of local names, graph name); TensorFlow matches the paths on restore, and TF1's
    `Saver.restore` the graph names. Aliases of objects that do not exist are left out.
    """
    graph = ObjectGraphMessage()
    graph.nodes.add()
    numbers = {"": 0}

    def node(path: str) -> int:
        if path not in numbers:
            numbers[path] = len(graph.nodes)
            graph.nodes.add()
            connect(path, numbers[path])
        return numbers[path]

    def connect(path: str, number: int) -> None:
        parent, _, name = path.rpartition("/")
        graph.nodes[node(parent)].children.add(node_id=number, local_name=unescape(name))

    for path, variable in variables:
        graph.nodes[node(path)].attributes.add(
            name="VARIABLE_VALUE", full_name=variable, checkpoint_key=path + VALUE
        )
    for path, target in aliases.items():
        if target in numbers and path.partition("/")[0] in numbers:
            connect(path, numbers[target])
    return graph


def _write(prefix: Path, tensors: Iterable[TensorContent], graph: bytes | None = None) -> dict[str, int]:
    with BundleWriter(prefix) as writer:
        crcs = {
            tensor.name: writer.add(tensor.name, tensor.dtype, tensor.shape, tensor.pieces) for tensor in tensors
        }
        if graph is not None:
            writer.add_strings(GRAPH_KEY, (), [graph])
    return crcs
