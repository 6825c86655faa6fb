"""A class of transformers or optimum for a task, on ids."""

import importlib
from pathlib import Path

import numpy as np
import torch


def outputs(folder: Path, inputs: dict[str, list], module: str, name: str) -> dict[str, np.ndarray]:
    model = getattr(importlib.import_module(module), name).from_pretrained(folder)
    tensors = {key: torch.tensor(values) for key, values in inputs.items()}
    with torch.no_grad():
        answer = model(**tensors)
    return {key: value.numpy() for key, value in answer.items()}
