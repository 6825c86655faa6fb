"""Reads `flax_model.msgpack`, what `flax.serialization` writes of a tree of parameters: mapped, without Flax."""

import mmap
from collections.abc import Iterator
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401 - teaches NumPy the name bfloat16
import numpy as np

from bertferry.convert.readers.msgpack_data import Cursor, StoredArray
from bertferry.convert.readers.reader import StoredTensor, TensorInfo
from bertferry.core.errors import DataError, UsageError

DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")


def flax_tensors(path: Path) -> dict[str, StoredTensor]:
    """The arrays of a file, by the keys of the maps around them, joined by dots.

    The format has no checksums.

    Raises:
      UsageError: it has no arrays.
      DataError: damaged bytes.
    """
    try:
        with path.open("rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        cursor = Cursor(content)
        root = cursor.value()
        if not isinstance(root, dict) or not cursor.at_end():
            raise ValueError("it is not a single map")
        arrays: dict[str, StoredArray] = {}
        for name, array in _arrays(root):
            _check(name, array)
            if name in arrays:
                raise ValueError(f"two of its arrays are called {name}")
            arrays[name] = array
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: not a readable msgpack file of Flax: {error}") from error
    if not arrays:
        raise UsageError(
            f"{path}: contains no arrays of Flax", "save the model with save_pretrained of transformers"
        )
    return {
        name: StoredTensor(TensorInfo(array.shape, array.dtype), partial(_read, content, array))
        for name, array in arrays.items()
    }


def _arrays(values: dict[str, Any], place: str = "") -> Iterator[tuple[str, StoredArray]]:
    for key, value in values.items():
        if isinstance(value, StoredArray):
            yield f"{place}{key}", value
        elif isinstance(value, dict):
            yield from _arrays(value, f"{place}{key}.")


def _check(name: str, array: StoredArray) -> None:
    if array.dtype not in DTYPES:
        raise ValueError(f"its array {name} has the unknown type {array.dtype[:40]!a}")
    stored = sum(length for _, length in array.pieces)
    if stored != prod(array.shape) * np.dtype(array.dtype).itemsize:
        raise ValueError(f"its array {name} of shape {list(array.shape)} has {stored} bytes")


def _read(content: memoryview, array: StoredArray) -> np.ndarray:
    pieces = [np.frombuffer(content[start : start + length], np.uint8) for start, length in array.pieces]
    whole = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return whole.view(array.dtype).reshape(array.shape)
