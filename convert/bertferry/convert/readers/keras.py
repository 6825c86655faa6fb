"""Reads the weights of a `.keras` file: a model of KerasHub, or one of Keras 2 or 3 that holds a module.

https://github.com/keras-team/tf-keras/blob/master/tf_keras/src/saving/saving_lib.py: a zip of `config.json` and
`model.weights.h5`, which has the variables of each layer in the layer's order, without names. Those of a
`hub.KerasLayer` or `TFSMLayer` are its module's, so the module that it was created from identifies them.
"""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

from bertferry.convert.keras_hub_config import is_keras_hub, read_text
from bertferry.convert.model_config import module_layers
from bertferry.convert.readers.hdf5 import h5_tensors, open_h5
from bertferry.convert.readers.keras3 import keras3_tensors
from bertferry.convert.readers.module_layers import by_groups
from bertferry.convert.readers.reader import NamedReader
from bertferry.convert.readers.zip_members import Member
from bertferry.core.errors import DataError, UsageError, first_line

WEIGHTS = "model.weights.h5"


def keras_reader(path: Path, module: Path | None = None) -> NamedReader:
    """The variables of a model of KerasHub by their layers, or those of the modules in another model.

    `module` is where the module is now that the model was created from.

    Raises:
      UsageError: there is neither, or a module is not there.
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
    layers = [replace(layer, module=module or layer.module) for layer in module_layers(config)]
    if not layers:
        raise UsageError(
            f"{path}: contains no hub.KerasLayer or TFSMLayer, whose module would identify its variables"
        )
    return NamedReader("names", by_groups(h5_tensors(file, path), layers, path))
