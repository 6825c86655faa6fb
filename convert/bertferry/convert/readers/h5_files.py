"""Chooses how the variables of HDF5 files are named."""

from pathlib import Path

from bertferry.convert.readers.hdf5 import FAULTS, open_h5
from bertferry.convert.readers.keras2 import keras2_tensors
from bertferry.convert.readers.keras3 import LAYERS, keras3_tensors
from bertferry.convert.readers.reader import NamedReader, joined
from bertferry.core.errors import DataError, UsageError, first_line

WORD_TABLE = "reversible_embedding"
WAY_OUT = "weights of Keras 3 have no names: save the model in the SavedModel format, or its encoder's checkpoint"


def h5_readers(shards: tuple[Path, ...]) -> tuple[NamedReader, ...]:
    """The ways to read the files of a checkpoint: by the names of Keras 3, of transformers, or of variables.

    Raises:
      UsageError: weights of Keras 3 of another model than those of KerasHub.
      DataError: damaged bytes.
    """
    files = {path: open_h5(path) for path in shards}
    try:
        if any(group in file for file in files.values() for group in LAYERS):
            tensors = keras3_tensors(files)
            if not any(f"{WORD_TABLE}/" in name for name in tensors):
                raise UsageError(
                    f"{shards[0]}: has no {WORD_TABLE}, so it is not of a BertBackbone of KerasHub", WAY_OUT
                )
            return (NamedReader("keras", tensors),)
        tensors = joined(shards, lambda path: keras2_tensors(files[path], path))
    except FAULTS as error:
        raise DataError(f"{shards[0]}: not a readable HDF5 file: {first_line(error)}") from error
    by_variable = {name.removesuffix(":0"): tensor for name, tensor in tensors.items()}
    return NamedReader("safetensors", tensors), NamedReader("names", by_variable)
