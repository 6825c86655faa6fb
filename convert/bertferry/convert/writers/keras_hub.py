"""Writes the weights of a preset of KerasHub: `model.weights.h5`, and `task.weights.h5` if it has a head."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import ml_dtypes  # noqa: F401 - teaches NumPy the name bfloat16
import numpy as np
from crc32c import crc32c

from bertferry.convert.readers.keras3 import BACKBONE
from bertferry.convert.weight_files import PRESET, PRESET_TASK
from bertferry.convert.writers.content import TensorContent

if TYPE_CHECKING:
    import h5py

FIRST_BLOCK = ("transformer_encoder_0/", "transformer_encoder/")
"""The first layer of a class has no number."""


def write_keras_hub(directory: Path, tensors: Iterable[TensorContent]) -> dict[str, int]:
    """Writes the tensors, with one in memory at a time; returns the CRC-32C of each tensor's bytes."""
    import h5py

    kept = list(tensors)
    is_task = any(tensor.name.startswith(BACKBONE) for tensor in kept)
    crcs: dict[str, int] = {}
    with ExitStack() as files:
        model = files.enter_context(h5py.File(directory / PRESET, "w"))
        task = files.enter_context(h5py.File(directory / PRESET_TASK, "w")) if is_task else model
        for tensor in kept:
            content = b"".join(tensor.pieces)
            crcs[tensor.name] = crc32c(content)
            file = model if tensor.name.startswith(BACKBONE) or not is_task else task
            value = np.frombuffer(content, tensor.dtype).reshape(tensor.shape)
            _add(file, tensor.name.removeprefix(BACKBONE).replace(*FIRST_BLOCK), value)
    return crcs


def _add(file: "h5py.File", name: str, value: np.ndarray) -> None:
    """Adds a variable; Keras stores bfloat16, which HDF5 lacks, as two bytes each."""
    if value.dtype.name == "bfloat16":
        file[name] = value.view("V2")
        file[name].attrs["dtype"] = "bfloat16"
    else:
        file[name] = value
