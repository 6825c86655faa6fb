"""Writes TensorFlow checkpoints, name-based and object-based, through TensorFlow's own writer.

Tensors are saved in batches, each a separate checkpoint, and `MergeV2Checkpoints` joins them without copying, so
that memory does not grow with the model.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from bertferry.convert.layout import Row
from bertferry.convert.readers.object_graph import GRAPH_KEY, VALUE, unescape
from bertferry.convert.writers.disk import system_errors
from bertferry.modeling.tf_compat import TrackableObjectGraph

BATCH_BYTES = 64 * 2**20
SAVE_COUNTER = "save_counter"
"""tf.train.Checkpoint creates this variable on restore, and strict restores require its value."""

Tensors = Iterable[tuple[str, Any]]
"""Names and values: NumPy or TensorFlow arrays."""


def write_names(prefix: Path, tensors: Tensors) -> None:
    """Writes a name-based checkpoint, like `tf.compat.v1.train.Saver`."""
    _write(prefix, tensors)


def write_objects(prefix: Path, rows: Iterable[Row], tensors: Tensors, aliases: Mapping[str, str]) -> None:
    """Writes an object-based checkpoint, like `tf.train.Checkpoint`, with a graph of these variables only.

    `tensors` yields the rows' stored names with their values; `aliases` are additional paths to objects.
    """
    variables = [(row.stored, row.variable) for row in rows]
    graph = object_graph([*variables, (SAVE_COUNTER, SAVE_COUNTER)], aliases)

    def entries() -> Iterator[tuple[str, Any]]:
        yield from map(_under_its_key, tensors)
        yield SAVE_COUNTER + VALUE, np.array(1, np.int64)
        yield GRAPH_KEY, np.array(graph.SerializeToString(), dtype=object)

    _write(prefix, entries())


def _under_its_key(tensor: tuple[str, Any]) -> tuple[str, Any]:
    return tensor[0] + VALUE, tensor[1]


def object_graph(variables: Iterable[tuple[str, str]], aliases: Mapping[str, str]) -> TrackableObjectGraph:
    """The TrackableObjectGraph proto of objects with named edges.

    `variables` are (path of local names, graph name); TensorFlow matches the paths on restore, and TF1's
    `Saver.restore` the graph names. Aliases of objects that do not exist are left out.
    """
    graph = TrackableObjectGraph()
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


def _write(prefix: Path, tensors: Tensors) -> None:
    parts: list[str] = []
    for batch in _batches(tensors):
        part = prefix.parent / f"part-{len(parts)}" / "part"
        with system_errors():
            tf.raw_ops.SaveV2(
                prefix=str(part),
                tensor_names=list(batch),
                shape_and_slices=[""] * len(batch),
                tensors=list(batch.values()),
            )
        parts.append(str(part))
    with system_errors():
        tf.raw_ops.MergeV2Checkpoints(
            checkpoint_prefixes=parts, destination_prefix=str(prefix), delete_old_dirs=True
        )


def _batches(tensors: Tensors) -> Iterator[dict[str, tf.Tensor]]:
    batch: dict[str, tf.Tensor] = {}
    size = 0
    for name, value in tensors:
        batch[name] = tf.convert_to_tensor(value)
        size += prod(value.shape) * batch[name].dtype.size
        del value  # or it would stay alive while the next one is read
        if size >= BATCH_BYTES:
            yield batch
            batch.clear()  # the caller still has the dict: only emptying it frees the tensors
            size = 0
    if batch:
        yield batch
