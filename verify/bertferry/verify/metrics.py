"""What a difference means for a task: do two models decide alike?

Element by element two outputs may agree while a close decision falls the other way, and in int8 they never agree
element by element: these measures say what a user of the model would notice.
"""

import math
from dataclasses import dataclass

import numpy as np

from bertferry.core.tasks import is_per_token
from bertferry.verify.runner import Arrays
from bertferry.verify.tolerance import Tolerance

DECISIONS = ("logits", "nsp_logits", "mlm_logits")
"""Outputs of which the largest value along the last axis is the decision."""
TOP = 5
FEWEST_ROWS = 4
"""From how many vectors the order of their similarities means something."""


@dataclass(frozen=True)
class Metric:
    """A measure with its value, a sentence about it, and why it disagrees, if it does and is `judged`."""

    name: str
    value: float
    text: str
    reason: str = ""
    judged: bool = False


class TaskMetrics:
    """Gathers the outputs of all probes; `result` measures them."""

    def __init__(self, tolerance: Tolerance) -> None:
        self._tolerance = tolerance
        self._decisions: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        self._spans: list[bool] = []
        self._vectors: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}

    def add(self, want: Arrays, got: Arrays, mask: np.ndarray) -> None:
        """Takes in a probe's outputs that both sides have in one shape; rows of padding are left out."""
        used: np.ndarray = np.asarray(mask.any(axis=1))
        common = {name for name in want if name in got and want[name].shape == got[name].shape}
        common = {name for name in common if np.isfinite(got[name].astype(np.float64)).all()}
        for name in common & set(DECISIONS):
            decides = mask == 1 if is_per_token(name, want[name].ndim) else used
            rows = (
                array[decides].reshape(-1, array.shape[-1]).astype(np.float64) for array in (want[name], got[name])
            )
            self._decisions.setdefault(name, []).append(tuple(rows))
        if {"start_logits", "end_logits"} <= common:
            pairs = zip(_spans(want, mask), _spans(got, mask), strict=True)
            self._spans += [one == other for (one, other), kept in zip(pairs, used, strict=True) if kept]
        for name in common & {"pooled_output", "sequence_output"}:
            vectors = (_vectors(side[name], mask)[used] for side in (want, got))
            self._vectors.setdefault(name, []).append(tuple(vectors))

    def result(self) -> tuple[Metric, ...]:
        """Every measure for which there was an output."""
        found = []
        for name, pairs in sorted(self._decisions.items()):
            want, got = (np.concatenate(side) for side in zip(*pairs, strict=True))
            found.append(self._argmax(name, want, got))
            if want.shape[1] > TOP:
                found.append(_top(name, want, got))
        if self._spans:
            share = float(np.mean(self._spans))
            found.append(Metric("same span", share, f"{sum(self._spans)} of {len(self._spans)} spans the same"))
        for name, pairs in sorted(self._vectors.items()):
            want, got = (np.concatenate(side) for side in zip(*pairs, strict=True))
            if len(want) >= FEWEST_ROWS:
                # Poolers are seldom trained for similarity: theirs counts where there is nothing else.
                judged = name == "sequence_output" or len(self._vectors) == 1
                found.append(self._ranks(name, want, got, judged))
        return tuple(found)

    def _argmax(self, name: str, want: np.ndarray, got: np.ndarray) -> Metric:
        """Flips where the reference's two best lie within twice the absolute tolerance are no decisions."""
        flipped = want.argmax(axis=1) != got.argmax(axis=1)
        best = np.sort(want, axis=1)[:, -2:]
        close = flipped & (best[:, -1] - best[:, 0] <= 2 * self._tolerance.atol) if want.shape[1] > 1 else flipped
        text = f"{np.sum(~flipped)} of {len(want)} decisions the same"
        if close.any() and math.isfinite(self._tolerance.atol):
            text += f", {np.sum(close)} of the others within 2·atol"
        return Metric(f"argmax of {name}", float(np.mean(~flipped)), text)

    def _ranks(self, name: str, want: np.ndarray, got: np.ndarray, judged: bool) -> Metric:
        """Spearman's correlation of the cosines of all pairs of rows."""
        one, other = (_ordinal(_pairwise_cosines(rows)) for rows in (want, got))
        if (one == other).all():
            value = 1.0
        else:  # where one side is constant, its order says nothing about the other's
            value = float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) and np.ptp(other) else 0.0
        least = self._tolerance.min_rank_correlation if judged else None
        text = f"rank correlation of pairwise cosines {value:.6f}"
        return Metric(f"ranks of {name}", value, text, rank_fault(value, least), judged)


def rank_fault(value: float, least: float | None) -> str:
    """Why a rank correlation is too low, if it is."""
    return f"rank correlation {value:.4f}, {least:g} needed" if least is not None and value < least else ""


def _top(name: str, want: np.ndarray, got: np.ndarray) -> Metric:
    best = (np.argsort(-side, axis=1)[:, :TOP] for side in (want, got))
    shared = [len(set(one) & set(other)) / TOP for one, other in zip(*best, strict=True)]
    value = float(np.mean(shared))
    return Metric(f"top {TOP} of {name}", value, f"{value:.2%} of the best {TOP} shared")


def _spans(outputs: Arrays, mask: np.ndarray) -> list[tuple[int, int]]:
    """The likeliest start and end ≥ start within the mask, for each row."""
    padding = np.where(mask == 1, 0.0, -np.inf)
    starts, ends = (outputs[name].astype(np.float64) + padding for name in ("start_logits", "end_logits"))
    scores = starts[:, :, np.newaxis] + ends[:, np.newaxis, :]
    scores = np.where(np.triu(np.ones(scores.shape[1:], bool)), scores, -np.inf)
    length = mask.shape[1]
    return [divmod(int(row.argmax()), length) for row in scores.reshape(len(mask), -1)]


def _vectors(array: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """[B, H]: the vectors themselves, or the mean of those of the tokens."""
    wide = array.astype(np.float64)
    if wide.ndim == 2:
        return wide
    tokens = mask[..., np.newaxis]
    means: np.ndarray = (wide * tokens).sum(axis=1) / np.maximum(tokens.sum(axis=1), 1)
    return means


def _pairwise_cosines(rows: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(norms > 0, norms, 1)
    cosines: np.ndarray = (unit @ unit.T)[np.triu_indices(len(rows), k=1)]
    return cosines


def _ordinal(values: np.ndarray) -> np.ndarray:
    """Ranks; values that agree to six digits count as equal and share theirs."""
    rounded = np.round(values, 6)
    _, places, counts = np.unique(rounded, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: np.ndarray = (last - (counts - 1) / 2)[places]
    return ranks
