"""ONNX Runtime: ids in int64 by name, the first output whatever its name, as many clients do."""

from pathlib import Path

import numpy as np
import onnxruntime
from texts import embed, tokenize


def outputs(folder: Path, sentences: list[str], model: str) -> np.ndarray:
    session = onnxruntime.InferenceSession(folder / model, providers=["CPUExecutionProvider"])
    tokens = tokenize(folder, sentences)
    first = session.run(None, tokens)[0]
    return first if first.ndim == 2 else embed(first, tokens["attention_mask"])
