"""txtai: a folder, or a file that is already pooled and the folder of its tokenizer."""

from pathlib import Path

import numpy as np
from txtai.embeddings import Embeddings


def outputs(folder: Path, sentences: list[str], model_file: str | None = None) -> np.ndarray:
    chosen = {"path": str(folder / model_file), "tokenizer": str(folder)} if model_file else {"path": str(folder)}
    embeddings = Embeddings({"method": "transformers", **chosen})
    return np.array(embeddings.batchtransform(sentences))
