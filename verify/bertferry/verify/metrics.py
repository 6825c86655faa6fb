"""What differences mean for a task: do two models make the same decisions?

Outputs may agree element by element although a close decision flips, and in int8 they never agree element by
element: these metrics show what a user of the model would notice.
"""

import math
from dataclasses import dataclass

import numpy as np

from bertferry.core.tasks import token_axis
from bertferry.verify.labeled.formulas import average_ranks
from bertferry.verify.runner import Arrays
from bertferry.verify.tolerance import Tolerance

DECISIONS = ("logits", "nsp_logits", "mlm_logits")
"""Outputs whose largest value along the last axis is the decision."""
TOP = 5
VECTORS = ("pooled_output", "sentence_embedding", "sequence_output")
"""Outputs that are compared as the vectors of whole texts."""
COSINES, RANKS = "cosines of", "ranks of"
SIMILARITIES = {COSINES: "lowest cosine of a text", RANKS: "rank correlation of pairwise cosines"}
"""What the metrics of `VECTORS` say, by how their names begin."""
FEWEST_ROWS = 4
"""Fewest vectors for which the order of their similarities is meaningful."""

MOST_ROWS = 2000
"""Most vectors whose pairs are ranked, evenly spaced among all: two million pairs take some 100 MB."""


@dataclass(frozen=True)
class Metric:
    """A metric with its value, a description, and the reason if it is `judged` and disagrees."""

    name: str
    value: float
    text: str
    reason: str = ""
    judged: bool = False


class TaskMetrics:
    """Collects the outputs of all probes; `result` computes the metrics."""

    def __init__(self, tolerance: Tolerance) -> None:
        self._tolerance = tolerance
        self._decisions: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        self._spans: list[bool] = []
        self._vectors: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}

    def add(self, want: Arrays, got: Arrays, mask: np.ndarray) -> None:
        """Adds the outputs of a probe that both sides have in the same shape; all-padding rows are left out."""
        used: np.ndarray = np.asarray(mask.any(axis=1))
        common = {name for name in want if name in got and want[name].shape == got[name].shape}
        common = {name for name in common if np.isfinite(got[name].astype(np.float64)).all()}
        for name in common & set(DECISIONS):
            decides = mask == 1 if token_axis(name, want[name].ndim) == 1 else used
            rows = (
                array[decides].reshape(-1, array.shape[-1]).astype(np.float64) for array in (want[name], got[name])
            )
            self._decisions.setdefault(name, []).append(tuple(rows))
        if {"start_logits", "end_logits"} <= common:
            pairs = zip(_spans(want, mask), _spans(got, mask), strict=True)
            self._spans += [span == other for (span, other), kept in zip(pairs, used, strict=True) if kept]
        for name in common & set(VECTORS):
            vectors = (_vectors(side[name], mask)[used] for side in (want, got))
            self._vectors.setdefault(name, []).append(tuple(vectors))

    def result(self) -> tuple[Metric, ...]:
        """Every metric that the outputs allow."""
        metrics: list[Metric] = []
        for name, pairs in sorted(self._decisions.items()):
            want, got = (np.concatenate(side) for side in zip(*pairs, strict=True))
            metrics.append(self._argmax(name, want, got))
            if want.shape[1] > TOP:
                metrics.append(_top(name, want, got))
        if self._spans:
            share = float(np.mean(self._spans))
            metrics.append(Metric("same span", share, f"{sum(self._spans)} of {len(self._spans)} spans identical"))
        for name, pairs in sorted(self._vectors.items()):
            want, got = (np.concatenate(side) for side in zip(*pairs, strict=True))
            # Poolers are seldom trained for similarity: theirs counts only if there is nothing else.
            judged = name != "pooled_output" or len(self._vectors) == 1
            if len(want):
                metrics.append(self._similarity(f"{COSINES} {name}", lowest_cosine(want, got), judged))
            if len(want) >= FEWEST_ROWS:
                metrics.append(self._similarity(f"{RANKS} {name}", rank_correlation(want, got), judged))
        return tuple(metrics)

    def _argmax(self, name: str, want: np.ndarray, got: np.ndarray) -> Metric:
        """Compares decisions; a flip is close if the reference's two best values are within 2·atol."""
        flipped = want.argmax(axis=1) != got.argmax(axis=1)
        best = np.sort(want, axis=1)[:, -2:]
        close = flipped & (best[:, -1] - best[:, 0] <= 2 * self._tolerance.atol) if want.shape[1] > 1 else flipped
        text = f"{np.sum(~flipped)} of {len(want)} decisions identical"
        if close.any() and math.isfinite(self._tolerance.atol):
            text += f", {np.sum(close)} of the others within 2·atol"
        return Metric(f"argmax of {name}", float(np.mean(~flipped)), text)

    def _similarity(self, name: str, value: float, judged: bool) -> Metric:
        text = f"{SIMILARITIES[name.rpartition(' ')[0]]} {value:.6f}"
        return Metric(name, value, text, similarity_fault(name, value, self._tolerance) if judged else "", judged)


def lowest_cosine(want: np.ndarray, got: np.ndarray) -> float:
    """The lowest cosine similarity of a row [B, H] with the reference's."""
    products = (_unit(want) * _unit(got)).sum(axis=1)
    equal = (want == got).all(axis=1)  # also zeros
    return float(np.where(equal, 1.0, np.minimum(products, 1.0)).min())


def rank_correlation(want: np.ndarray, got: np.ndarray) -> float:
    """Spearman's rank correlation of the cosine similarities of all pairs of rows [B, H], at most `MOST_ROWS`."""
    apart = -(-len(want) // MOST_ROWS)
    want, got = want[::apart], got[::apart]
    want_ranks, got_ranks = (_ranks(_pairwise_cosines(rows)) for rows in (want, got))
    if (want_ranks == got_ranks).all():
        return 1.0
    # The order of a constant side says nothing about the other's.
    varied = np.ptp(want_ranks) and np.ptp(got_ranks)
    return float(np.corrcoef(want_ranks, got_ranks)[0, 1]) if varied else 0.0


def similarity_fault(name: str, value: float, tolerance: Tolerance) -> str:
    """Why a similarity is too low, '' if it is not, or if the metric is another."""
    least = {COSINES: tolerance.min_text_cosine, RANKS: tolerance.min_rank_correlation}
    kind = name.rpartition(" ")[0]
    required = least.get(kind)
    if required is None or value >= required:
        return ""
    return f"{SIMILARITIES[kind]} {value:.4f}, at least {required:g} required"


def _top(name: str, want: np.ndarray, got: np.ndarray) -> Metric:
    best = (np.argsort(-side, axis=1)[:, :TOP] for side in (want, got))
    shared = [len(set(want_row) & set(got_row)) / TOP for want_row, got_row in zip(*best, strict=True)]
    value = float(np.mean(shared))
    return Metric(f"top {TOP} of {name}", value, f"{value:.2%} of the best {TOP} shared")


def _spans(outputs: Arrays, mask: np.ndarray) -> list[tuple[int, int]]:
    """The most likely start and end ≥ start within the mask, for each row."""
    padding = np.where(mask == 1, 0.0, -np.inf)
    starts, ends = (outputs[name].astype(np.float64) + padding for name in ("start_logits", "end_logits"))
    scores = starts[:, :, np.newaxis] + ends[:, np.newaxis, :]
    scores = np.where(np.triu(np.ones(scores.shape[1:], bool)), scores, -np.inf)
    length = mask.shape[1]
    return [divmod(int(row.argmax()), length) for row in scores.reshape(len(mask), -1)]


def _vectors(array: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """[B, H]: the vectors themselves, or the means of the token vectors."""
    wide = array.astype(np.float64)
    if wide.ndim == 2:
        return wide
    tokens = mask[..., np.newaxis]
    means: np.ndarray = (wide * tokens).sum(axis=1) / np.maximum(tokens.sum(axis=1), 1)
    return means


def _pairwise_cosines(rows: np.ndarray) -> np.ndarray:
    unit = _unit(rows)
    cosines: np.ndarray = (unit @ unit.T)[np.triu_indices(len(rows), k=1)]
    return cosines


def _unit(rows: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: np.ndarray = rows / np.where(norms > 0, norms, 1)
    return scaled


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of the values; those that agree to six digits are tied."""
    return average_ranks(np.round(values, 6))
