"""Chooses how the variables of HDF5 files are named."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bertferry.convert.model_config import LayerConfig, module_layers, read_model_config
from bertferry.convert.readers.hdf5 import FAULTS, h5_tensors, open_h5
from bertferry.convert.readers.keras2 import WEIGHTS, keras2_tensors
from bertferry.convert.readers.keras3 import LAYERS, keras3_tensors
from bertferry.convert.readers.module_layers import ENDPOINTS, GROUP, KINDS, groups_in, keys_of, named
from bertferry.convert.readers.reader import NamedReader, StoredTensor, joined
from bertferry.core.errors import DataError, UsageError, first_line

if TYPE_CHECKING:
    import h5py

WORD_TABLE = "reversible_embedding"
WAY_OUT = "weights of Keras 3 have no names: save the model in the SavedModel format, or its encoder's checkpoint"
NAME_MODULE = "name the module that its layer was created from with --config MODULE/MANIFEST.json"


def h5_readers(shards: tuple[Path, ...], module: Path | None = None) -> tuple[NamedReader, ...]:
    """The ways to read the files of a checkpoint: by the names of Keras 3, of transformers, or of variables.

    `module` is the one that a layer of the model was created from; a file of a whole model names it.

    Raises:
      UsageError: weights of Keras 3 of another model than those of KerasHub, of no known module.
      DataError: damaged bytes.
    """
    files = {path: open_h5(path) for path in shards}
    try:
        if any(group in file for file in files.values() for group in LAYERS):
            tensors = keras3_tensors(files)
            if any(f"{WORD_TABLE}/" in name for name in tensors):
                return (NamedReader("keras", tensors),)
            return (NamedReader("names", _of_module(tensors, shards[0], module)),)
        tensors = joined(shards, lambda path: keras2_tensors(files[path], path))
        if layers := _layers_of_keras3(shards[0], module):
            return (NamedReader("names", _of_layers(files[shards[0]], layers, shards[0])),)
    except FAULTS as error:
        raise DataError(f"{shards[0]}: not a readable HDF5 file: {first_line(error)}") from error
    by_variable = {name.removesuffix(":0"): tensor for name, tensor in tensors.items()}
    return NamedReader("safetensors", tensors), NamedReader("names", by_variable)


def _of_module(tensors: Mapping[str, StoredTensor], path: Path, module: Path | None) -> dict[str, StoredTensor]:
    """The variables of the layers that hold a module, by the names of that."""
    groups = groups_in(tensors)
    if not groups:
        raise UsageError(f"{path}: has no {WORD_TABLE}, so it is not of a BertBackbone of KerasHub", WAY_OUT)
    if module is None:
        raise UsageError(f"{path}: its variables have no names, only numbers", NAME_MODULE)
    found: dict[str, StoredTensor] = {}
    for group in groups:
        if match := GROUP.fullmatch(group):
            layer = LayerConfig(match["layer"], KINDS[match["kind"]], module, ENDPOINTS)
            found |= named(layer, tensors, keys_of(tensors, group), path)
    return found


def _layers_of_keras3(path: Path, module: Path | None) -> list[LayerConfig]:
    """The TFSMLayers of a whole model in Keras 3's old format, in which their variables have other names."""
    layers = [layer for layer in module_layers(read_model_config(path)) if layer.kind == "TFSMLayer"]
    return [replace(layer, module=module or layer.module) for layer in layers]


def _of_layers(file: "h5py.File", layers: Iterable[LayerConfig], path: Path) -> dict[str, StoredTensor]:
    """The variables of layers in such a file, where an attribute lists them in order."""
    found: dict[str, StoredTensor] = {}
    for layer in layers:
        group = file.get(f"{WEIGHTS}/{layer.name}")
        if group is None:
            raise DataError(f"{path}: missing the variables of its layer {layer.name}", "save the model as .keras")
        names = [name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs["weight_names"]]
        found |= named(layer, h5_tensors(group, path), names, path)
    return found
