"""optimum: ORTModelForFeatureExtraction with transformers' tokenizer."""

from pathlib import Path

import numpy as np
from optimum.onnxruntime import ORTModelForFeatureExtraction
from texts import embed
from transformers import AutoTokenizer


def outputs(folder: Path, sentences: list[str], file: str) -> np.ndarray:
    path = Path(file)
    model = ORTModelForFeatureExtraction.from_pretrained(folder, subfolder=str(path.parent), file_name=path.name)
    inputs = AutoTokenizer.from_pretrained(folder)(sentences, padding=True, return_tensors="pt")
    vectors = model(**inputs).last_hidden_state
    return embed(vectors.numpy(), inputs["attention_mask"].numpy())
