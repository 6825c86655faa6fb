"""Chooses the names of a graph's inputs and outputs, if nobody did."""

import json
from pathlib import Path

CONFIG = "config.json"
SUBFOLDER = "onnx"
"""Where clients of Hugging Face's folders look for graphs."""


def default_naming(layout: str, target: Path) -> str:
    """`huggingface` for a graph made from a folder of transformers, or written into one; else `tensorflow`."""
    folder = target.absolute().parent
    folder = folder.parent if folder.name == SUBFOLDER else folder
    return "huggingface" if layout == "huggingface" or _is_hugging_face(folder) else "tensorflow"


def _is_hugging_face(folder: Path) -> bool:
    """Whether a folder has a configuration of transformers, which alone states the type of model."""
    try:
        return "model_type" in json.loads((folder / CONFIG).read_bytes())
    except (OSError, ValueError, TypeError):
        return False
