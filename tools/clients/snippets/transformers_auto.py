"""transformers: AutoTokenizer and AutoModel."""

from pathlib import Path

import numpy as np
import torch
from texts import embed
from transformers import AutoModel, AutoTokenizer


def outputs(folder: Path, sentences: list[str]) -> np.ndarray:
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    inputs = tokenizer(sentences, padding=True, return_tensors="pt")
    with torch.no_grad():
        vectors = model(**inputs).last_hidden_state
    return embed(vectors.numpy(), inputs["attention_mask"].numpy())
