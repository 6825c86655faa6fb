"""Lazy access to the tensors of a file: names, shapes and dtypes at once, bytes on demand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bertferry.convert.layout import Container
from bertferry.convert.locate import Location
from bertferry.convert.quiet import import_tensorflow


@dataclass(frozen=True)
class TensorInfo:
    """What is known of a stored tensor without reading it; dtype is NumPy's name (`float32`, `bfloat16`, …)."""

    shape: tuple[int, ...]
    dtype: str


class Reader(Protocol):
    """An open file. Its tensors are keyed by the names that stand in the file."""

    @property
    def container(self) -> Container:
        """How the file names its tensors."""

    @property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """Every tensor in the file, by key."""

    def find(self, stored: str) -> str | None:
        """The key under which a layout's stored name lies in this file, or None."""

    def read(self, key: str) -> np.ndarray:
        """The tensor. Raises DataError when its bytes are damaged or missing."""


def open_reader(location: Location) -> Reader:
    """The reader for a located checkpoint. Raises DataError when its index or header is damaged."""
    if location.container == "safetensors":
        from bertferry.convert.readers.safetensors import SafetensorsReader

        return SafetensorsReader(location.path)
    import_tensorflow()
    from bertferry.convert.readers.tensorflow import TensorFlowReader

    return TensorFlowReader(location.path)
