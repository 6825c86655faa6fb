"""What the clients should compute, from stored outputs, and how far an answer is from it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from table import Client, Head

INPUTS = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "seg"}
"""Names of inputs beside those in the stored outputs of the heads."""
OUTPUTS = {"start_logits": "start", "end_logits": "end", "logits": "logits"}


def data_of(client: Client, reference: Path) -> list[str] | dict[str, list[list[int]]]:
    """What a client is given: sentences, or the ids of a head."""
    if client.head is None:
        return [str(sentence) for sentence in load(reference)["sentences"]]
    stored = load_outputs(client.head)
    return {name: stored[key].tolist() for name, key in INPUTS.items()}


def difference(client: Client, reference: Path, answer: Mapping[str, Any]) -> tuple[float, float | None]:
    """The largest absolute difference, and for embeddings the lowest cosine."""
    if "scores" in answer:
        return scores_difference(answer["scores"], load(reference)), None
    if client.head is None:
        got, wanted = np.array(answer["embeddings"]), embeddings(load(reference))
        if got.shape != wanted.shape:
            return np.inf, None
        lengths = np.linalg.norm(got, axis=1) * np.linalg.norm(wanted, axis=1)
        return float(np.abs(got - wanted).max()), float(((got * wanted).sum(axis=1) / lengths).min())
    stored = load_outputs(client.head)
    return max(abs_difference(got, want) for got, want in pairs(answer, stored, client.head)), None


def scores_difference(scores: Sequence[Mapping[str, float]], stored: Mapping[str, np.ndarray]) -> float:
    """Of the cosines of every stored sentence, in order, with those stored ones that were searched."""
    vectors = embeddings(stored)
    found = {text: row for text, row in zip(stored["sentences"], vectors, strict=True) if text in scores[0]}
    got = np.array([[row[text] for text in found] for row in scores])
    return abs_difference(got, vectors @ np.array([*found.values()]).T)


def embeddings(stored: Mapping[str, np.ndarray]) -> np.ndarray:
    """The masked means of the stored token vectors, divided by their L2 norms, in float64."""
    weights = stored["input_mask"][..., np.newaxis].astype(np.float64)
    means = (stored["sequence_output"] * weights).sum(axis=1) / weights.sum(axis=1)
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True))


def pairs(
    answer: Mapping[str, Any], stored: Mapping[str, np.ndarray], head: Head
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Outputs beside the stored ones, of masked LM the log-probabilities at the stored positions."""
    if head.task != "mlm":
        return [(np.array(values), stored[OUTPUTS[name]]) for name, values in answer.items()]
    logits = np.array(answer["logits"])
    chosen = np.take_along_axis(logits, stored["pos"][..., np.newaxis], axis=1).reshape(-1, logits.shape[-1])
    return [(chosen - np.log(np.exp(chosen).sum(axis=-1, keepdims=True)), stored["mlm_logp"])]


def abs_difference(got: np.ndarray, want: np.ndarray) -> float:
    return float(np.abs(got - want).max()) if got.shape == want.shape else np.inf


def load_outputs(head: Head) -> dict[str, np.ndarray]:
    return load(head.checkpoint.with_suffix(".npz"))


def load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return dict(stored)
