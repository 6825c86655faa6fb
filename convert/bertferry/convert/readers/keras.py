"""Reads the weights of a `.keras` file of tf_keras that holds a `hub.KerasLayer`.

https://github.com/keras-team/tf-keras/blob/master/tf_keras/src/saving/saving_lib.py: a zip of `config.json` and
`model.weights.h5`, which has the variables of each layer in the layer's order, without names. Those of a
`hub.KerasLayer` are its module's, so the module that it was created from identifies them.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bertferry.convert.chunks import bytes_of
from bertferry.convert.layout import Naming
from bertferry.convert.locate import locate
from bertferry.convert.readers.reader import TensorInfo, fingerprint_chunks, name_places, names_below
from bertferry.convert.readers.tensorflow import TensorFlowReader
from bertferry.core.errors import BertferryError, DataError, UsageError, first_line

WEIGHTS = "model.weights.h5"
HUB_LAYER = "KerasLayer"


class KerasReader:
    """The variables of every `hub.KerasLayer` in the file, as `LAYER/NAME` with the names of its module."""

    naming: Naming = "names"

    def __init__(self, path: Path) -> None:
        import h5py

        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                config = json.loads(archive.read("config.json"))
                self._file = h5py.File(io.BytesIO(archive.read(WEIGHTS)))
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(f"{path}: not a readable .keras file: {first_line(error)}") from error
        handles = dict(_hub_layers(config))
        if not handles:
            raise UsageError(f"{path}: contains no hub.KerasLayer, whose module would identify its variables")
        self._stored = {
            f"{layer}/{name}": f"{group}/{number}"
            for turn, (layer, handle) in enumerate(handles.items())
            for group in [self._group(turn)]
            for number, name in enumerate(_variable_order(Path(handle), path))
        }
        missing = [name for name, stored in self._stored.items() if stored not in self._file]
        if missing:
            raise DataError(f"{path}: missing {missing[0]}: its hub.KerasLayer was created from another module")
        for stored in self._stored.values():
            self._check_in_this_file(stored)
        self.tensors = {
            name: TensorInfo(tuple(self._file[stored].shape), self._file[stored].dtype.name)
            for name, stored in self._stored.items()
        }

    def _group(self, turn: int) -> str:
        """The group with the variables of the `turn`-th layer of its class: groups are named after classes."""
        ending = f"/keras_layer{f'_{turn}' if turn else ''}/vars"
        groups: list[str] = []
        self._file.visit(lambda name: groups.append(name) if name.endswith(ending) else None)
        if not groups:
            raise DataError(f"{self._path}: missing the variables of its hub.KerasLayer")
        return groups[0]

    def _check_in_this_file(self, stored: str) -> None:
        """Refuses a tensor whose bytes HDF5 would read from any other file that it names."""
        import h5py

        linked = not isinstance(self._file.get(stored, getlink=True), h5py.HardLink)
        if linked or self._file[stored].external or self._file[stored].is_virtual:
            raise DataError(f"{self._path}: refused: its tensor {stored} is stored in another file")

    def find(self, stored: str) -> str | None:
        """The name itself."""
        return stored if stored in self.tensors else None

    def places(self, stored: str) -> list[str]:
        """What precedes a name wherever it occurs."""
        return name_places(self.tensors, stored)

    def below(self, place: str, anchor: str) -> set[str]:
        """The names that start with a place."""
        return names_below(self.tensors, place)

    def read(self, key: str) -> np.ndarray:
        """The tensor; HDF5 has no checksum of it, but the zip around it does."""
        return np.asarray(self._file[self._stored[key]])

    def chunks(self, key: str) -> Iterator[memoryview]:
        """The tensor's bytes, all at once."""
        yield bytes_of(self.read(key))

    def fingerprint(self, key: str) -> str:
        """The CRC-32C of its bytes."""
        return fingerprint_chunks(self.chunks(key))

    def checked_fingerprint(self, key: str) -> str:
        """The same."""
        return self.fingerprint(key)


def _hub_layers(config: object) -> Iterator[tuple[str, str]]:
    """Name and module of every `hub.KerasLayer` in a model's configuration, nested models too."""
    if isinstance(config, dict):
        inside = config.get("config")
        if config.get("class_name") == HUB_LAYER and isinstance(inside, dict) and "handle" in inside:
            yield inside["name"], inside["handle"]
        for value in config.values():
            yield from _hub_layers(value)
    elif isinstance(config, list):
        for value in config:
            yield from _hub_layers(value)


def _variable_order(module: Path, path: Path) -> list[str]:
    """The names of a module's variables as a `hub.KerasLayer` holds them: the trainable ones, then the others."""
    try:
        reader = TensorFlowReader(locate(module).path)
    except BertferryError as error:
        raise UsageError(
            f"{path}: its hub.KerasLayer was created from {module}, which identifies its variables: {error}"
        ) from error
    trainable = _variables_in_list(reader, "trainable_variables")
    return trainable + [name for name in _variables_in_list(reader, "variables") if name not in trainable]


def _variables_in_list(reader: TensorFlowReader, attribute: str) -> list[str]:
    """The names of the variables in a list of the root object, in its order."""
    names, number = [], 0
    while (key := reader.find(f"{attribute}/{number}")) is not None:
        names.append(reader.variables[key])
        number += 1
    return names
