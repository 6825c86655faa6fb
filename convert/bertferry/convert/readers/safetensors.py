"""Reads `.safetensors` files through the safetensors library."""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from bertferry.convert.layout import Container
from bertferry.convert.readers import TensorInfo
from bertferry.modeling.errors import DataError

# https://github.com/huggingface/safetensors#format, section "dtype"
DTYPES = {
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
    """One memory-mapped safetensors file. The format has no checksums: only the header can be checked."""

    container: Container = "safetensors"

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = safe_open(path, framework="numpy")
            headers = {name: self._file.get_slice(name) for name in self._file.keys()}  # noqa: SIM118 - no dict
        except (SafetensorError, OSError) as error:
            raise DataError(f"{path}: not a complete safetensors file: {error}") from error
        self.tensors = {
            name: TensorInfo(tuple(header.get_shape()), DTYPES.get(header.get_dtype(), header.get_dtype()))
            for name, header in headers.items()
        }

    def find(self, stored: str) -> str | None:
        """The name itself where the file has it."""
        return stored if stored in self.tensors else None

    def read(self, key: str) -> np.ndarray:
        """The tensor as an array of its own."""
        try:
            return np.asarray(self._file.get_tensor(key))
        except (SafetensorError, TypeError, OSError) as error:
            raise DataError(f"{self._path}: tensor {key} cannot be read: {error}") from error
