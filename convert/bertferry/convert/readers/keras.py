"""Reads the weights of a `.keras` file: a model of KerasHub, or one of tf_keras that holds a `hub.KerasLayer`.

https://github.com/keras-team/tf-keras/blob/master/tf_keras/src/saving/saving_lib.py: a zip of `config.json` and
`model.weights.h5`, which has the variables of each layer in the layer's order, without names. Those of a
`hub.KerasLayer` are its module's, so the module that it was created from identifies them.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, cast

from bertferry.convert.keras_hub_config import is_keras_hub, read_text
from bertferry.convert.locate import locate
from bertferry.convert.readers.hdf5 import h5_tensors, open_h5
from bertferry.convert.readers.keras3 import keras3_tensors
from bertferry.convert.readers.reader import NamedReader, StoredTensor
from bertferry.convert.readers.tensorflow import TensorFlowReader
from bertferry.convert.readers.zip_members import Member
from bertferry.core.errors import BertferryError, DataError, UsageError, first_line

WEIGHTS = "model.weights.h5"
HUB_LAYER = "KerasLayer"


def keras_reader(path: Path) -> NamedReader:
    """The variables of a model of KerasHub by their layers, or those of every `hub.KerasLayer` in another model.

    Raises:
      UsageError: there is neither, or the module of a `hub.KerasLayer` is not there.
      DataError: damaged bytes.
    """
    try:
        config = json.loads(read_text(path))
        content = cast(IO[bytes], Member(path, WEIGHTS))
    except (OSError, KeyError, ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a readable .keras file: {first_line(error)}") from error
    file = open_h5(path, content)
    if is_keras_hub(config):
        return NamedReader("keras", keras3_tensors({path: file}))
    handles = dict(_hub_layers(config))
    if not handles:
        raise UsageError(f"{path}: contains no hub.KerasLayer, whose module would identify its variables")
    return NamedReader("names", _module_tensors(path, h5_tensors(file, path), handles))


def _module_tensors(
    path: Path, tensors: Mapping[str, StoredTensor], handles: Mapping[str, str]
) -> dict[str, StoredTensor]:
    """The variables of layers, as `LAYER/NAME` with the names of their modules."""
    found: dict[str, StoredTensor] = {}
    for turn, (layer, handle) in enumerate(handles.items()):
        group = _group(path, tensors, turn)
        for number, name in enumerate(_variable_order(Path(handle), path)):
            if f"{group}/{number}" not in tensors:
                other = "its hub.KerasLayer was created from another module"
                raise DataError(f"{path}: missing {layer}/{name}: {other}")
            found[f"{layer}/{name}"] = tensors[f"{group}/{number}"]
    return found


def _group(path: Path, tensors: Mapping[str, StoredTensor], turn: int) -> str:
    """The group with the variables of the `turn`-th layer of its class: groups are named after classes."""
    ending = f"/keras_layer{f'_{turn}' if turn else ''}/vars"
    groups = (name.rpartition("/")[0] for name in tensors)
    group = next((group for group in groups if group.endswith(ending)), None)
    if group is None:
        raise DataError(f"{path}: missing the variables of its hub.KerasLayer")
    return group


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
