"""What clients that stop at token vectors leave to their users: ids of sentences, embeddings of token vectors."""

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer


def tokenize(folder: Path, sentences: list[str]) -> dict[str, np.ndarray]:
    """Ids, mask and segments in int64, [batch, sequence] each, padded to the longest sentence."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id("[PAD]"))
    encoded = tokenizer.encode_batch(sentences)
    return {
        "input_ids": np.array([one.ids for one in encoded], np.int64),
        "attention_mask": np.array([one.attention_mask for one in encoded], np.int64),
        "token_type_ids": np.array([one.type_ids for one in encoded], np.int64),
    }


def embed(vectors: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The masked mean of token vectors, divided by its L2 norm: [batch, hidden]."""
    weights = np.asarray(mask, np.float32)[..., np.newaxis]
    means = (vectors * weights).sum(axis=1) / weights.sum(axis=1)
    return means / np.linalg.norm(means, axis=1, keepdims=True)
