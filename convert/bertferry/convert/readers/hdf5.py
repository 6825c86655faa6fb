"""Reads the datasets of an HDF5 file, and names those of Keras 2 and of transformers' TensorFlow classes.

Keras 2 has a group per top-level layer, in which a variable is a dataset under its graph name, such as
`bert/tf_bert_model_1/bert/pooler/dense/kernel:0`: the group, the scope of the model, the variable.
https://github.com/keras-team/tf-keras/blob/master/tf_keras/src/saving/legacy/hdf5_format.py
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import ml_dtypes  # noqa: F401 - teaches NumPy the name bfloat16
import numpy as np

from bertferry.convert.readers.reader import StoredTensor, TensorInfo
from bertferry.core.errors import DataError, first_line

if TYPE_CHECKING:
    import h5py

LARGEST_RATIO = 100
SMALL = 2**26
"""Weights hardly compress: a dataset that takes more than 64 MiB and a hundredfold of its bytes in the file is a
bomb."""
FAULTS = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError)
"""What h5py raises because of a file's bytes."""


def datasets(file: "h5py.File | h5py.Group", path: Path) -> Iterator[tuple[str, "h5py.Dataset"]]:
    """The name of every dataset below a group, and the dataset.

    Raises:
      DataError: its bytes are in another file, or it is larger than its bytes can tell.
    """
    import h5py

    found: list[tuple[str, h5py.Dataset]] = []
    file.visititems(lambda name, item: found.append((name, item)) if isinstance(item, h5py.Dataset) else None)
    for name, dataset in found:
        if dataset.external or dataset.is_virtual:
            raise DataError(f"{path}: refused: its tensor {name} is stored in another file")
        stored = dataset.id.get_storage_size()
        if dataset.nbytes > (max(SMALL, LARGEST_RATIO * stored) if dataset.chunks else stored):
            raise DataError(f"{path}: its tensor {name} is not stored in full")
        yield name, dataset


def stored_tensor(dataset: "h5py.Dataset", path: Path) -> StoredTensor:
    """A dataset as a tensor: Keras 3 stores bfloat16 as two bytes each, with its name in an attribute."""
    dtype = str(dataset.attrs["dtype"]) if dataset.dtype.kind == "V" and "dtype" in dataset.attrs else ""
    return StoredTensor(
        TensorInfo(tuple(dataset.shape), dtype or dataset.dtype.name), partial(_read, dataset, path)
    )


def _read(dataset: "h5py.Dataset", path: Path) -> np.ndarray:
    try:
        value = np.asarray(dataset[()])
        if value.dtype.kind == "V":
            return value.view(np.dtype(str(dataset.attrs["dtype"])))
        return value.astype(value.dtype.newbyteorder("="), copy=False)
    except FAULTS as error:
        raise DataError(f"{path}: tensor {dataset.name} cannot be read: {first_line(error)}") from error


def h5_tensors(path: Path) -> dict[str, StoredTensor]:
    """The variables of a file of Keras 2, by their names without layer and scope.

    A variable that two layers share is stored with both: what belongs to another layer keeps the name of its group
    in front. The file of one shard of several has neither layers nor scopes.

    Raises:
      DataError: damaged bytes.
    """
    import h5py

    try:
        file = h5py.File(path, "r", locking=False)
        layers = file.get("model_weights", file)
        found = dict(datasets(layers, path))
        in_layers = any(
            "weight_names" in layer.attrs or "weight_names0" in layer.attrs for layer in layers.values()
        )
        stored: dict[str, StoredTensor] = {}
        for name, dataset in zip(_without_scope(list(found)) if in_layers else found, found.values(), strict=True):
            if name in stored:
                raise DataError(f"{path}: two of its tensors are called {name}")
            stored[name] = stored_tensor(dataset, path)
        if layers is not file and "optimizer_weights" in file:
            state = datasets(file["optimizer_weights"], path)
            stored |= {f"optimizer_weights/{name}": stored_tensor(dataset, path) for name, dataset in state}
    except FAULTS as error:
        raise DataError(f"{path}: not a readable HDF5 file: {first_line(error)}") from error
    return stored


def _without_scope(names: list[str]) -> list[str]:
    """The names from the layer on that a variable belongs to; the scope before it is the same in all of them."""
    groups = {name.partition("/")[0] for name in names}
    paths = [name.split("/")[1:] for name in names]
    scopes = [
        {"/".join(path[:number]) for number, part in enumerate(path[:-1]) if part in groups} for path in paths
    ]
    scope = max(set.intersection(*scopes) if scopes else (), key=len, default="")
    result = []
    for name in names:
        group, _, variable = name.partition("/")
        own = variable.removeprefix(f"{scope}/")
        result.append(own if own.startswith(f"{group}/") else f"{group}/{own}")
    return result
