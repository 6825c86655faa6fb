"""Reads `.safetensors` files, whose headers the safetensors library checks."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ml_dtypes  # noqa: F401 - teaches NumPy the name bfloat16
import numpy as np
from crc32c import crc32c
from safetensors import SafetensorError, safe_open

from bertferry.convert.chunks import read_bytes, read_chunks
from bertferry.convert.layout import Naming
from bertferry.convert.readers.reader import TensorInfo, fingerprint_of, name_places, names_below
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


class SafetensorsReader:
    """Safetensors files, the shards of one checkpoint.

    The format has no checksums: only the headers can be checked. Bytes are read here, because the library copies
    each tensor into fresh memory, which takes most of the time of a conversion.
    """

    naming: Naming = "safetensors"

    def __init__(self, shards: tuple[Path, ...]) -> None:
        self.tensors: dict[str, TensorInfo] = {}
        self._ranges: dict[str, Range] = {}
        self._fingerprints: dict[str, str] = {}
        for path in shards:
            for name, (info, stored) in _read_header(path).items():
                if name in self.tensors:
                    raise DataError(f"{path}: tensor {name} is also in another of its files")
                self.tensors[name], self._ranges[name] = info, stored

    def find(self, stored: str) -> str | None:
        """The name itself, if the file has it."""
        return stored if stored in self.tensors else None

    def name_of(self, key: str) -> str:
        """The key itself."""
        return key

    def places(self, stored: str) -> list[str]:
        """What precedes a stored name wherever it occurs."""
        return name_places(self.tensors, stored)

    def below(self, place: str, anchor: str) -> set[str]:
        """The names that start with a place."""
        return names_below(self.tensors, place)

    def read(self, key: str) -> np.ndarray:
        """The tensor as an array of its own."""
        info = self.tensors[key]
        with self._name_fault(key):
            content = read_bytes(*self._ranges[key])
            self._fingerprints[key] = fingerprint_of(crc32c(content.data))
            return content.view(info.dtype).reshape(info.shape)

    def chunks(self, key: str) -> Iterator[memoryview]:
        """The tensor's bytes in chunks."""
        crc = 0
        with self._name_fault(key):
            for chunk in read_chunks(*self._ranges[key]):
                crc = crc32c(chunk, crc)
                yield chunk
        self._fingerprints[key] = fingerprint_of(crc)

    def fingerprint(self, key: str) -> str:
        """The CRC-32C of a tensor's bytes when they were last read."""
        return self._fingerprints.get(key) or self.checked_fingerprint(key)

    def checked_fingerprint(self, key: str) -> str:
        """The same, after reading them; no checksum in the file could contradict them."""
        deque(self.chunks(key), maxlen=0)
        return self._fingerprints[key]

    @contextmanager
    def _name_fault(self, key: str) -> Iterator[None]:
        try:
            yield
        except (TypeError, ValueError, OSError) as error:
            raise DataError(f"{self._ranges[key][0]}: tensor {key} cannot be read: {first_line(error)}") from error


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
