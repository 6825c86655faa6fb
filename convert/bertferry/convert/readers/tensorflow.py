"""Reads TensorFlow checkpoints, name-based and object-based."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from bertferry.convert.bundle import BundleReader
from bertferry.convert.layout import Naming
from bertferry.convert.readers.object_graph import GRAPH_KEY, VALUE, ObjectGraph
from bertferry.convert.readers.reader import (
    TensorInfo,
    fingerprint_chunks,
    fingerprint_of,
    name_places,
    names_below,
)
from bertferry.core.errors import DataError, first_line


class TensorFlowReader:
    """The checkpoint with a prefix. The CRC-32C of each tensor is verified when it is read."""

    def __init__(self, prefix: Path) -> None:
        self.path = prefix
        self._bundle = BundleReader(prefix)
        self._graph = self._read_graph(prefix) if GRAPH_KEY in self._bundle.entries else None
        self.naming: Naming = "names" if self._graph is None else "objects"
        self.tensors = {
            key.removesuffix(VALUE): TensorInfo(entry.shape, entry.dtype)
            for key, entry in self._bundle.entries.items()
            if self._graph is None or key.endswith(VALUE)
        }

    def _read_graph(self, prefix: Path) -> ObjectGraph:
        stored = self._bundle.read(GRAPH_KEY)
        try:
            return ObjectGraph(stored.item())
        except (TypeError, ValueError) as error:
            raise DataError(f"{prefix}: tensor {GRAPH_KEY} is damaged: {first_line(error)}") from error

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
        short = None if key is None else key.removesuffix(VALUE)
        return short if short in self.tensors else None

    def name_of(self, key: str) -> str:
        """The key itself."""
        return key

    def places(self, stored: str) -> list[str]:
        """What precedes a stored name wherever it occurs."""
        return name_places(self.tensors, stored) if self._graph is None else self._graph.places(stored)

    def below(self, place: str, anchor: str) -> set[str]:
        """The keys of the tensors at a place."""
        if self._graph is None:
            return names_below(self.tensors, place)
        return {key.removesuffix(VALUE) for key in self._graph.keys_below(place)}

    def read(self, key: str) -> np.ndarray:
        """The tensor, after verifying its checksum."""
        return self._bundle.read(self._stored(key))

    def chunks(self, key: str) -> Iterator[memoryview]:
        """The tensor's bytes in chunks; their checksum is verified after the last one."""
        return self._bundle.chunks(self._stored(key))

    def fingerprint(self, key: str) -> str:
        """The CRC-32C that the index states for a tensor, or that of its bytes if it is stored in parts."""
        entry = self._bundle.entries[self._stored(key)]
        return fingerprint_chunks(self.chunks(key)) if entry.slices else fingerprint_of(entry.crc)

    def checked_fingerprint(self, key: str) -> str:
        """The same, after verifying the bytes against their CRC-32C."""
        self._bundle.check(self._stored(key))
        return self.fingerprint(key)

    def _stored(self, key: str) -> str:
        return key if self._graph is None else key + VALUE
