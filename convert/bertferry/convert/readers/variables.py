"""A view of an object-based checkpoint by the names of its variables instead of the paths to them.

A Hub module has its variables in a list, and a model that contains the module has paths of its own: only the names
of the variables identify them.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

import numpy as np

from bertferry.convert.layout import Naming
from bertferry.convert.layouts.ignored import OBJECT_STATE
from bertferry.convert.readers.reader import TensorInfo, name_places, names_below, same_bits
from bertferry.core.errors import UsageError


class NamedObjects(Protocol):
    """What the view needs of the underlying reader."""

    @property
    def path(self) -> Path:
        """The file, for messages."""

    @property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """Every tensor in the file, by key."""

    @property
    def variables(self) -> Mapping[str, str]:
        """The name of the variable under each key."""

    def below(self, place: str, anchor: str) -> set[str]:
        """The keys reachable from an object."""

    def read(self, key: str) -> np.ndarray:
        """The tensor."""

    def chunks(self, key: str) -> Iterator[memoryview]:
        """Its bytes in chunks."""

    def fingerprint(self, key: str) -> str:
        """A hash that is the same for equal bytes."""

    def checked_fingerprint(self, key: str) -> str:
        """The same, from verified bytes."""


class VariableView:
    """The same tensors under the same keys, found by the names of their variables.

    Args:
      reader: the reader of the file.
      prefix: the object whose variables to use, if several have the same names.
    """

    naming: Naming = "names"

    def __init__(self, reader: NamedObjects, prefix: str | None = None) -> None:
        self._reader = reader
        self.tensors = reader.tensors
        kept = None if prefix is None else reader.below(prefix, "")
        self._keys: dict[str, list[str]] = {}
        for key, name in reader.variables.items():
            slot = any(fnmatchcase(key, glob) for glob in OBJECT_STATE)  # named after the variable that it is for
            if not slot and (kept is None or key in kept):
                self._keys.setdefault(name, []).append(key)

    def find(self, stored: str) -> str | None:
        """The key of the variable with a name; of equal copies, as Keras 3 exports them, the nearest to the root.

        Raises:
          UsageError: several objects have different variables with this name.
        """
        keys = self._keys.get(stored, [])
        if len(keys) > 1 and self._are_copies(keys):
            keys = self._keys[stored] = sorted(keys, key=lambda key: (len(key.rpartition("/")[0]), key))[:1]
        if len(keys) > 1:
            places = ", ".join(key.rpartition("/")[0] for key in keys)
            raise UsageError(
                f"{self._reader.path}: several variables are called {stored}, below {places}",
                "choose one with --prefix",
            )
        return keys[0] if keys else None

    def _are_copies(self, keys: list[str]) -> bool:
        first = self._reader.read(keys[0])
        return all(same_bits(first, self._reader.read(key)) for key in keys[1:])

    def name_of(self, key: str) -> str:
        """The name of the variable."""
        return self._reader.variables.get(key, key)

    def places(self, stored: str) -> list[str]:
        """What precedes a name wherever it occurs."""
        return name_places(self._keys, stored)

    def below(self, place: str, anchor: str) -> set[str]:
        """The keys below the object that contains the variable named `anchor`, and of variables named like it."""
        key = self.find(place + anchor)
        if key is None:
            return set()
        named = names_below(self._keys, place) if place else ()
        return self._reader.below(key.rpartition("/")[0], "").union(*(self._keys[name] for name in named))

    def read(self, key: str) -> np.ndarray:
        """As for the underlying reader."""
        return self._reader.read(key)

    def chunks(self, key: str) -> Iterator[memoryview]:
        """As for the underlying reader."""
        return self._reader.chunks(key)

    def fingerprint(self, key: str) -> str:
        """As for the underlying reader."""
        return self._reader.fingerprint(key)

    def checked_fingerprint(self, key: str) -> str:
        """As for the underlying reader."""
        return self._reader.checked_fingerprint(key)
