"""sentence-transformers: `encode`, with weights (torch) or one of the ONNX files."""

from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer


def outputs(folder: Path, sentences: list[str], backend: str, file_name: str | None = None) -> np.ndarray:
    chosen = {"model_kwargs": {"file_name": file_name}} if file_name else {}
    model = SentenceTransformer(str(folder), backend=backend, device="cpu", **chosen)
    return model.encode(sentences)
