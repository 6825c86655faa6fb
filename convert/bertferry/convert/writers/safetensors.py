"""Writes a `.safetensors` file tensor by tensor.

The safetensors library wants all tensors in memory at once; the format
(https://github.com/huggingface/safetensors#format) lets them be streamed, since a header that shapes and types
determine comes first.
"""

import json
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401 - teaches NumPy the name bfloat16
import numpy as np

from bertferry.convert.readers.safetensors import DTYPES
from bertferry.convert.writers.content import TensorContent

CODES = {name: code for code, name in DTYPES.items()}


def write_safetensors(path: Path, tensors: Iterable[TensorContent]) -> None:
    """A file of these tensors, in the same order."""
    kept = list(tensors)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}  # what transformers asks for
    offset = 0
    for tensor in kept:
        end = offset + prod(tensor.shape) * np.dtype(tensor.dtype).itemsize
        header[tensor.name] = {"dtype": CODES[tensor.dtype], "shape": tensor.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in kept:
            for piece in tensor.pieces:
                file.write(piece)
