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

from bertferry.convert.readers.safetensors import DTYPE_OF_CODE

CODE_OF_DTYPE = {name: code for code, name in DTYPE_OF_CODE.items()}


def write_safetensors(
    path: Path, headers: Iterable[tuple[str, str, tuple[int, ...]]], tensors: Iterable[tuple[str, Any]]
) -> None:
    """Writes a file with these names, types and shapes, and the tensors in the same order."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}  # required by transformers
    offset = 0
    for name, dtype, shape in headers:
        end = offset + prod(shape) * np.dtype(dtype).itemsize
        header[name] = {"dtype": CODE_OF_DTYPE[dtype], "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, tensor in tensors:
            file.write(np.ascontiguousarray(tensor).reshape(-1).view(np.uint8).data)
