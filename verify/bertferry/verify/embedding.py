"""What makes the embedding of a text of an encoder's outputs, in NumPy and float64."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bertferry.convert.sentence_modules import read_dense
from bertferry.core.sentence import Dense, Sentence
from bertferry.core.tasks import SENTENCE_OUTPUTS
from bertferry.verify.numpy_network.error_function import erf
from bertferry.verify.runner import Arrays, Inspectable, Runner

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda values: values,
    "tanh": np.tanh,
    "relu": lambda values: np.maximum(values, 0),
    "gelu": lambda values: values * (1 + erf(values / np.sqrt(2))) / 2,
    "sigmoid": lambda values: (1 + np.tanh(values / 2)) / 2,  # which never overflows
}


class EmbeddingsRunner:
    """An encoder, what it returns pooled over its mask; with `keeps`, also what it returns."""

    def __init__(self, encoder: Runner, sentence: Sentence, *, keeps: bool = False) -> None:
        self.name, self.shares_mask = encoder.name, encoder.shares_mask
        self._encoder, self._sentence, self._keeps = encoder, sentence, keeps

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """`sentence_embedding` [B, W] in float32."""
        outputs, mask = self._encoder.run(inputs), inputs["input_mask"]
        own = outputs if self._keeps else {}
        return {**own, SENTENCE_OUTPUTS[0].name: embed(outputs, mask, mask, self._sentence)}

    def points(self, inputs: Arrays, given: Arrays | None = None) -> dict[str, np.ndarray]:
        """Intermediate values of the encoder, if it shows any."""
        return self._encoder.points(inputs, given) if isinstance(self._encoder, Inspectable) else {}


def embed(outputs: Arrays, mask: np.ndarray, given: np.ndarray, sentence: Sentence) -> np.ndarray:
    """The embeddings [B, H] in float32 of an encoder's outputs.

    `mask` marks the positions that are pooled, `given` those that the encoder was given.
    """
    vectors = np.concatenate([_pool(pooling, outputs, mask, given) for pooling in sentence.poolings], axis=-1)
    for layer in sentence.layers:
        if isinstance(layer, Dense):
            kernel, bias = read_dense(layer)
            vectors = ACTIVATIONS[layer.activation](vectors @ kernel + (0 if bias is None else bias))
        else:
            lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
            vectors = vectors / np.maximum(lengths, 1e-12)
    return vectors.astype(np.float32)


def _pool(pooling: str, outputs: Arrays, mask: np.ndarray, given: np.ndarray) -> NDArray[np.float64]:
    """One pooling of sentence-transformers over a mask's positions; `given` is that of the encoder's inputs."""
    sequence, weights = outputs["sequence_output"].astype(np.float64), mask[..., np.newaxis].astype(np.float64)
    vectors: NDArray[np.float64]
    if pooling == "pooled":
        vectors = outputs["pooled_output"].astype(np.float64)
    elif pooling == "cls":
        vectors = sequence[np.arange(len(mask)), mask.argmax(axis=1)]
    elif pooling == "max":
        vectors = np.where(weights > 0, sequence, -1e9).max(axis=1)
    elif pooling == "lasttoken":
        last = mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)
        vectors = sequence[np.arange(len(mask)), last] * mask.any(axis=1, keepdims=True)
    else:
        if pooling == "weightedmean":
            first = given.argmax(axis=1)[:, np.newaxis]
            weights = weights * (np.arange(1, mask.shape[1] + 1) - first)[..., np.newaxis]
        count = np.maximum(weights.sum(axis=1), 1e-9)
        vectors = (sequence * weights).sum(axis=1) / (np.sqrt(count) if pooling == "mean_sqrt_len" else count)
    return vectors
