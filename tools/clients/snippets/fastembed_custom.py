"""fastembed: a custom model in a folder."""

from pathlib import Path

import numpy as np
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType


def outputs(folder: Path, sentences: list[str], model_file: str) -> np.ndarray:
    name = "published/folder"
    TextEmbedding.add_custom_model(
        model=name,
        pooling=PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(hf=name),
        dim=384,
        model_file=model_file,
    )
    return np.array(list(TextEmbedding(name, specific_model_path=str(folder)).embed(sentences)))
