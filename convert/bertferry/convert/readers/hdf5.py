"""Reads the datasets of an HDF5 file."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

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
FAULTS = (OSError, RuntimeError, SystemError, KeyError, ValueError, TypeError, MemoryError)
"""What h5py raises because of a file's bytes."""


def open_h5(path: Path, content: IO[bytes] | None = None) -> "h5py.File":
    """An open HDF5 file, or one inside another.

    Raises:
      DataError: it is damaged.
    """
    import h5py

    try:
        return h5py.File(path, "r", locking=False) if content is None else h5py.File(content, "r")
    except FAULTS as error:
        raise DataError(f"{path}: not a readable HDF5 file: {first_line(error)}") from error


def h5_tensors(group: "h5py.Group", path: Path) -> dict[str, StoredTensor]:
    """The datasets below a group of a file, by their names.

    Raises:
      DataError: damaged bytes, a link, bytes in another file, or a dataset that is larger than its bytes can tell.
    """
    try:
        return {name: _stored_tensor(dataset, path) for name, dataset in _datasets(group, path)}
    except FAULTS as error:
        raise DataError(f"{path}: not a readable HDF5 file: {first_line(error)}") from error


def _datasets(group: "h5py.Group", path: Path) -> Iterator[tuple[str, "h5py.Dataset"]]:
    import h5py

    links: list[str] = []
    group.visititems_links(lambda name, to: None if isinstance(to, h5py.HardLink) else links.append(name))
    found: list[tuple[str, h5py.Dataset]] = []
    group.visititems(lambda name, item: found.append((name, item)) if isinstance(item, h5py.Dataset) else None)
    linked = [*links, *(name for name, dataset in found if dataset.external or dataset.is_virtual)]
    if linked:
        raise DataError(f"{path}: refused: its tensor {linked[0]} is stored in another file")
    for name, dataset in found:
        stored = dataset.id.get_storage_size()
        if dataset.nbytes > (max(SMALL, LARGEST_RATIO * stored) if dataset.chunks else stored):
            raise DataError(f"{path}: its tensor {name} is not stored in full")
        yield name, dataset


def _stored_tensor(dataset: "h5py.Dataset", path: Path) -> StoredTensor:
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
