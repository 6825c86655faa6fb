"""Reads `.safetensors` files, whose headers the safetensors library checks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import ml_dtypes  # noqa: F401 - teaches NumPy the name bfloat16
import numpy as np
from safetensors import SafetensorError, safe_open

from bertferry.convert.chunks import read_bytes, read_chunks
from bertferry.convert.readers.reader import StoredTensor, TensorInfo
from bertferry.core.errors import DataError, first_line

# https://github.com/huggingface/safetensors#format, section "dtype"
DTYPE_OF_CODE = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}

Range = tuple[Path, int, int]
"""A file, and the offset and size of a tensor in it."""


def safetensors_tensors(path: Path) -> dict[str, StoredTensor]:
    """The tensors of a file.

    The format has no checksums: only the header can be checked. Bytes are read here, because the library copies
    each tensor into fresh memory, which takes most of the time of a conversion.

    Raises:
      DataError: it is not a complete file.
    """
    return {
        name: StoredTensor(info, partial(_read, name, info, stored), partial(_chunks, name, stored))
        for name, (info, stored) in _read_header(path).items()
    }


def _read(name: str, info: TensorInfo, stored: Range) -> np.ndarray:
    with _naming_fault(name, stored):
        return read_bytes(*stored).view(info.dtype).reshape(info.shape)


def _chunks(name: str, stored: Range) -> Iterator[memoryview]:
    with _naming_fault(name, stored):
        yield from read_chunks(*stored)


@contextmanager
def _naming_fault(name: str, stored: Range) -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError, OSError) as error:
        raise DataError(f"{stored[0]}: tensor {name} cannot be read: {first_line(error)}") from error


def _read_header(path: Path) -> dict[str, tuple[TensorInfo, Range]]:
    """What the header says about each tensor: the ranges cover the file without gaps or overlaps.

    Raises:
      DataError: it is not the header of a complete file.
    """
    try:
        with safe_open(path, framework="numpy"), path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path}: not a complete safetensors file: {error}") from error
    header.pop("__metadata__", None)
    found = {}
    for name, fields in header.items():
        start, end = fields["data_offsets"]
        info = TensorInfo(tuple(fields["shape"]), DTYPE_OF_CODE.get(fields["dtype"], fields["dtype"]))
        found[name] = info, (path, 8 + size + start, end - start)
    return found
