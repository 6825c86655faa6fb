"""Writes TensorFlow checkpoints, name-based and object-based, through TensorFlow's own writer.

Tensors are saved in batches, each a checkpoint of its own, and `MergeV2Checkpoints` joins them without
copying, so that memory does not grow with the model.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2

from bertferry.convert.layout import Row
from bertferry.convert.readers.object_graph import GRAPH_KEY, VALUE, unescape
from bertferry.convert.writers.disk import system_errors

BATCH_BYTES = 64 * 2**20
SAVE_COUNTER = "save_counter"
"""tf.train.Checkpoint creates this variable on restore, and strict restores ask for its value."""

Tensors = Iterable[tuple[str, np.ndarray]]


def write_names(prefix: Path, tensors: Tensors) -> None:
    """A name-based checkpoint, as `tf.compat.v1.train.Saver` writes it."""
    _write(prefix, tensors)


def write_objects(prefix: Path, rows: Iterable[Row], tensors: Tensors) -> None:
    """An object-based checkpoint, as `tf.train.Checkpoint` writes it, with a graph of just these variables.

    `tensors` yields the rows' stored names with their values.
    """
    graph = object_graph([(row.stored, row.variable) for row in rows] + [(SAVE_COUNTER, SAVE_COUNTER)])

    def entries() -> Iterator[tuple[str, np.ndarray]]:
        yield from ((name + VALUE, value) for name, value in tensors)
        yield SAVE_COUNTER + VALUE, np.array(1, np.int64)
        yield GRAPH_KEY, np.array(graph.SerializeToString(), dtype=object)

    _write(prefix, entries())


def object_graph(variables: Iterable[tuple[str, str]]) -> trackable_object_graph_pb2.TrackableObjectGraph:
    """The TrackableObjectGraph proto of a tree of objects.

    `variables` are (path of local names, graph name); TensorFlow matches the paths on restore, and TF1's
    `Saver.restore` the graph names.
    """
    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    graph.nodes.add()
    numbers = {"": 0}
    for path, variable in variables:
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            place = "/".join(parts[:depth])
            if place not in numbers:
                numbers[place] = len(graph.nodes)
                graph.nodes.add()
                parent = graph.nodes[numbers["/".join(parts[: depth - 1])]]
                parent.children.add(node_id=numbers[place], local_name=unescape(parts[depth - 1]))
        graph.nodes[numbers[path]].attributes.add(
            name="VARIABLE_VALUE", full_name=variable, checkpoint_key=path + VALUE
        )
    return graph


def _write(prefix: Path, tensors: Tensors) -> None:
    parts: list[str] = []
    for batch in _batches(tensors):
        part = prefix.parent / f"part-{len(parts)}" / "part"
        with system_errors():
            tf.raw_ops.SaveV2(
                prefix=str(part),
                tensor_names=[name for name, _ in batch],
                shape_and_slices=[""] * len(batch),
                tensors=[tf.convert_to_tensor(value) for _, value in batch],
            )
        parts.append(str(part))
    with system_errors():
        tf.raw_ops.MergeV2Checkpoints(
            checkpoint_prefixes=parts, destination_prefix=str(prefix), delete_old_dirs=True
        )


def _batches(tensors: Tensors) -> Iterator[list[tuple[str, np.ndarray]]]:
    batch: list[tuple[str, np.ndarray]] = []
    size = 0
    for name, value in tensors:
        batch.append((name, value))
        size += value.nbytes
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
