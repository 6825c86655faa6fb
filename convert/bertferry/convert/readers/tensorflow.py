"""Reads TensorFlow checkpoints, name-based and object-based, through TensorFlow's own reader."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from bertferry.convert.layout import Container
from bertferry.convert.readers import TensorInfo
from bertferry.convert.readers.object_graph import GRAPH_KEY, VALUE, ObjectGraph
from bertferry.modeling.errors import DataError

READER_ERRORS = (tf.errors.OpError, RuntimeError, ValueError, IndexError)
"""What TensorFlow's reader raises for damaged files: IndexError for a data file that ends too early."""


class TensorFlowReader:
    """A checkpoint under a prefix. TensorFlow checks each tensor's CRC-32C as it is read."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        try:
            self._reader = tf.train.load_checkpoint(str(prefix))
            shapes = self._reader.get_variable_to_shape_map()
            dtypes = self._reader.get_variable_to_dtype_map()
            serialized = self._reader.get_tensor(GRAPH_KEY) if GRAPH_KEY in shapes else None
            self._graph = None if serialized is None else ObjectGraph(serialized)
        except READER_ERRORS as error:
            raise DataError(f"{prefix}.index: not a readable checkpoint index: {first_line(error)}") from error
        self.container: Container = "names" if self._graph is None else "objects"
        self.tensors = {
            key.removesuffix(VALUE): TensorInfo(tuple(shape), dtypes[key].as_numpy_dtype.__name__)
            for key, shape in sorted(shapes.items())
            if self._graph is None or key.endswith(VALUE)
        }

    def find(self, stored: str) -> str | None:
        """A stored name as it is in a name-based file, through the object graph in an object-based one."""
        if self._graph is None:
            return stored if stored in self.tensors else None
        key = self._graph.key(stored)
        return None if key is None else key.removesuffix(VALUE)

    def read(self, key: str) -> np.ndarray:
        """The tensor, its checksum verified."""
        stored = key if self._graph is None else key + VALUE
        try:
            return np.asarray(self._reader.get_tensor(stored))
        except READER_ERRORS as error:
            raise DataError(f"{self._prefix}: tensor {key} is damaged: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """TensorFlow's reason without the stack of operations below it."""
    text = getattr(error, "message", None) or str(error)
    return text.strip().splitlines()[0] if text.strip() else type(error).__name__
