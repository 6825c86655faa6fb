"""Embeds the reference's eight sentences with a Hub module and prints how similar they are.

Usage: embed_sentences.py MODULE REFERENCE.npz
"""

import sys

import numpy as np

from bertferry.core.quiet import hold_back_stderr

INPUTS = ("input_word_ids", "input_mask", "input_type_ids")


def embed(module: str, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Normalized means of the unmasked token vectors, as MiniLM was trained: one row per sentence."""
    import tensorflow_hub as hub

    layer = hub.KerasLayer(module)
    vectors = layer(inputs)["sequence_output"].numpy()
    mask = inputs["input_mask"][..., np.newaxis]
    means = (vectors * mask).sum(axis=1) / mask.sum(axis=1)
    return means / np.linalg.norm(means, axis=1, keepdims=True)


def main() -> None:
    module, reference = sys.argv[1:]
    with np.load(reference) as stored:
        sentences = stored["sentences"]
        embeddings = embed(module, {name: stored[name] for name in INPUTS})
    print("cosine similarity of eight sentences, embedded by hub.KerasLayer:")
    for number, (sentence, row) in enumerate(zip(sentences, embeddings @ embeddings.T, strict=True), start=1):
        text = sentence if len(sentence) <= 44 else sentence[:43] + "…"
        print(f"  {number} {text:<44} " + " ".join(f"{cosine:5.2f}" for cosine in row))


if __name__ == "__main__":
    with hold_back_stderr():
        main()
