"""Reads `.safetensors` files through the safetensors library."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401 - teaches NumPy the name bfloat16
import numpy as np
from safetensors import SafetensorError, safe_open

from bertferry.convert.layout import Naming
from bertferry.convert.readers.reader import TensorInfo, bytes_of, name_places, names_below, sha256
from bertferry.core.errors import DataError

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


class SafetensorsReader:
    """Memory-mapped safetensors files, the shards of one checkpoint.

    The format has no checksums: only the headers can be checked.
    """

    naming: Naming = "safetensors"

    def __init__(self, shards: tuple[Path, ...]) -> None:
        self.tensors: dict[str, TensorInfo] = {}
        self._files: dict[str, tuple[Path, Any]] = {}
        for path in shards:
            try:
                file = safe_open(path, framework="numpy")
                headers = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - no dict
            except (SafetensorError, OSError) as error:
                raise DataError(f"{path}: not a complete safetensors file: {error}") from error
            for name, header in headers.items():
                if name in self.tensors:
                    raise DataError(f"{path}: tensor {name} is also in another of its files")
                dtype = DTYPE_OF_CODE.get(header.get_dtype(), header.get_dtype())
                self.tensors[name] = TensorInfo(tuple(header.get_shape()), dtype)
                self._files[name] = path, file

    def find(self, stored: str) -> str | None:
        """The name itself, if the file has it."""
        return stored if stored in self.tensors else None

    def places(self, stored: str) -> list[str]:
        """What precedes a stored name wherever it occurs."""
        return name_places(self.tensors, stored)

    def below(self, place: str, anchor: str) -> set[str]:
        """The names that start with a place."""
        return names_below(self.tensors, place)

    def read(self, key: str) -> np.ndarray:
        """The tensor as an array of its own."""
        path, file = self._files[key]
        try:
            return np.asarray(file.get_tensor(key))
        except (SafetensorError, TypeError, OSError) as error:
            raise DataError(f"{path}: tensor {key} cannot be read: {error}") from error

    def chunks(self, key: str) -> Iterator[memoryview]:
        """The tensor's bytes, all at once."""
        yield bytes_of(self.read(key))

    def fingerprint(self, key: str) -> str:
        """The SHA-256 of a tensor's bytes."""
        return sha256(self.read(key))

    checked_fingerprint = fingerprint
