"""Writes a `.safetensors` file tensor by tensor.

The safetensors library needs all tensors in memory at once; the format
(https://github.com/huggingface/safetensors#format) allows streaming them, since it begins with a header that
depends only on shapes and types.
"""

import json
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401 - teaches NumPy the name bfloat16
import numpy as np
from crc32c import crc32c

from bertferry.convert.readers.safetensors import DTYPE_OF_CODE
from bertferry.convert.writers.content import TensorContent

CODE_OF_DTYPE = {name: code for code, name in DTYPE_OF_CODE.items()}


def write_safetensors(path: Path, tensors: Iterable[TensorContent]) -> dict[str, int]:
    """Writes a file with these tensors, in the same order; returns the CRC-32C of each tensor's bytes."""
    kept = list(tensors)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}  # required by transformers
    offset = 0
    for tensor in kept:
        end = offset + prod(tensor.shape) * np.dtype(tensor.dtype).itemsize
        code = CODE_OF_DTYPE[tensor.dtype]
        header[tensor.name] = {"dtype": code, "shape": tensor.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        crcs = dict.fromkeys((tensor.name for tensor in kept), 0)
        for tensor in kept:
            for piece in tensor.pieces:
                crcs[tensor.name] = crc32c(piece, crcs[tensor.name])
                file.write(piece)
    return crcs
