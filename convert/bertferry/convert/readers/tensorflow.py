"""Reads TensorFlow checkpoints, name-based and object-based, through TensorFlow's own reader."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from bertferry.convert.layout import Naming
from bertferry.convert.readers.bundle_index import read_checksums, unmask
from bertferry.convert.readers.object_graph import GRAPH_KEY, VALUE, ObjectGraph
from bertferry.convert.readers.reader import TensorInfo, name_places, names_below, sha256
from bertferry.core.errors import DataError, first_line

READER_ERRORS = (tf.errors.OpError, RuntimeError, ValueError, IndexError)
"""What TensorFlow's reader raises for damaged files: IndexError for a truncated data file."""


class TensorFlowReader:
    """A checkpoint under a prefix. TensorFlow checks each tensor's CRC-32C as it is read."""

    library: Any = tf

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        try:
            self._reader = tf.train.load_checkpoint(str(prefix))
            shapes = self._reader.get_variable_to_shape_map()
            self._dtypes = self._reader.get_variable_to_dtype_map()
            serialized = self._reader.get_tensor(GRAPH_KEY) if GRAPH_KEY in shapes else None
            self._graph = None if serialized is None else ObjectGraph(serialized)
        except READER_ERRORS as error:
            raise DataError(f"{prefix}.index: not a readable checkpoint index: {first_line(error)}") from error
        self.naming: Naming = "names" if self._graph is None else "objects"
        self.tensors = {
            key.removesuffix(VALUE): TensorInfo(tuple(shape), self._dtypes[key].as_numpy_dtype.__name__)
            for key, shape in sorted(shapes.items())
            if self._graph is None or key.endswith(VALUE)
        }

    @cached_property
    def variables(self) -> dict[str, str]:
        """The name of the variable under each key of an object-based file, if its graph states it."""
        names = {} if self._graph is None else self._graph.variables
        return {short: name for key, name in names.items() if (short := key.removesuffix(VALUE)) in self.tensors}

    def find(self, stored: str) -> str | None:
        """The stored name itself in a name-based file; in an object-based one its key by the object graph."""
        if self._graph is None:
            return stored if stored in self.tensors else None
        key = self._graph.key(stored)
        return None if key is None else key.removesuffix(VALUE)

    def places(self, stored: str) -> list[str]:
        """What precedes a stored name wherever it occurs."""
        return name_places(self.tensors, stored) if self._graph is None else self._graph.places(stored)

    def below(self, place: str, anchor: str) -> set[str]:
        """The keys of the tensors at a place."""
        if self._graph is None:
            return names_below(self.tensors, place)
        return {key.removesuffix(VALUE) for key in self._graph.keys_below(place)}

    def load(self, key: str) -> tf.Tensor:
        """The tensor, its checksum verified, without a copy in NumPy's memory."""
        stored = self._stored(key)
        with self._damage(key):
            return tf.raw_ops.RestoreV2(
                prefix=str(self._prefix),
                tensor_names=[stored],
                shape_and_slices=[""],
                dtypes=[self._dtypes[stored]],
            )[0]

    def read(self, key: str) -> np.ndarray:
        """The tensor as an array, its checksum verified."""
        with self._damage(key):
            return np.asarray(self._reader.get_tensor(self._stored(key)))

    @contextmanager
    def _damage(self, key: str) -> Iterator[None]:
        try:
            yield
        except READER_ERRORS as error:
            raise DataError(f"{self._prefix}: tensor {key} is damaged: {first_line(error)}") from error

    def fingerprint(self, key: str) -> str:
        """The CRC-32C that the index states for a tensor; its SHA-256 if the index cannot be parsed."""
        stated = self._checksums.get(self._stored(key))
        return sha256(self.read(key)) if stated is None else f"crc32c:{unmask(stated):08x}"

    def checked_fingerprint(self, key: str) -> str:
        """The same, after TensorFlow has verified the bytes against their CRC-32C."""
        self.load(key)
        return self.fingerprint(key)

    @cached_property
    def _checksums(self) -> dict[str, int]:
        return read_checksums(Path(f"{self._prefix}.index"))

    def _stored(self, key: str) -> str:
        return key if self._graph is None else key + VALUE
