"""Collects what both sides return for labeled texts, in the order of these, and scores it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from bertferry.core.errors import UsageError
from bertferry.core.tasks import EMBEDDINGS, SENTENCE_OUTPUTS
from bertferry.verify.labeled.classes import LOGITS
from bertferry.verify.labeled.entities import entity_f1, name_entities
from bertferry.verify.labeled.formulas import (
    accuracy,
    class_f1,
    confidences,
    macro_f1,
    mcnemar,
    row_cosines,
    spearman,
)
from bertferry.verify.labeled.labels import Labels
from bertferry.verify.labeled.result import Confidence, Score, TaskResult
from bertferry.verify.probes import Probe
from bertferry.verify.runner import Arrays

VECTORS = (SENTENCE_OUTPUTS[0].name, EMBEDDINGS)
"""Of encoders, and of modules that take strings."""
EDGES = (0.0, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0)
"""Between them, confidences are counted together."""
Pair = tuple[np.ndarray, np.ndarray]


@dataclass
class LabeledOutputs:
    """The rows that matter of both sides' outputs, by the number of their text."""

    labels: Labels
    _rows: dict[int, Pair] = field(default_factory=dict)

    def add(self, probe: Probe, want: Arrays, got: Arrays) -> None:
        """Adds what both sides returned for a probe; a text that it repeats counts once.

        Raises:
          UsageError: the reference returns nothing that labels judge, or labels do not fit what it returns.
        """
        name = next((name for name in self._names() if name in want), None)
        if name is None:
            raise UsageError(
                f"--labels: the reference returns {', '.join(want)}: expected {' or '.join(self._names())}"
            )
        wanted = want[name].astype(np.float64)
        axes = 3 if self.labels.kind == "words" else 2
        if wanted.ndim != axes:
            raise UsageError(f"--labels: {name} of the reference has {wanted.ndim} axes, not {axes}: see --task")
        self.labels.check_columns(wanted.shape[-1])
        fits = name in got and got[name].shape == wanted.shape
        returned = got[name].astype(np.float64) if fits else np.full(wanted.shape, np.nan)
        for row, number in enumerate(probe.texts):
            pair = (wanted[row], returned[row])
            if self.labels.kind == "words":
                begin = int(probe.inputs["input_mask"][row].argmax())
                places = [begin + piece for piece in self.labels.pieces[number] if piece is not None]
                places = [place for place in places if place < wanted.shape[1]]
                pair = (wanted[row][places], returned[row][places])
            self._rows[number] = pair

    def result(self) -> TaskResult:
        """The scores of both sides."""
        what = {"words": "words", "similarities": "pairs"}.get(self.labels.kind, "texts")
        if lost := sum(not np.isfinite(got).all() for _, got in self._rows.values()):
            return TaskResult(what, 0, fault=f"no output to judge for {lost} of {len(self._rows)} texts")
        want, got = zip(*(self._rows[number] for number in sorted(self._rows)), strict=True)
        if self.labels.kind == "words":
            return self._words(want, got)
        if self.labels.kind == "classes":
            labels = np.array(self.labels.values)
            return _decided(what, labels, np.stack(want), np.stack(got), self.labels.classes.names)
        scores = [self._scores(np.stack(side)) for side in (want, got)]
        labels = np.array(self.labels.values)
        first, second = (spearman(labels, side) for side in scores)
        return TaskResult(what, len(labels), scores=(Score("Spearman", first, second),))

    def _names(self) -> Sequence[str]:
        return VECTORS if self.labels.kind == "similarities" else (LOGITS,)

    def _scores(self, rows: np.ndarray) -> np.ndarray:
        """The scores [N]: those of a regression [N, 1], or of the pairs of embeddings [2·N, H]."""
        return rows[:, 0] if self.labels.kind == "scores" else row_cosines(rows[::2], rows[1::2])

    def _words(self, want: Sequence[np.ndarray], got: Sequence[np.ndarray]) -> TaskResult:
        """The scores of words, of whole texts and, if the classes name entities, of these."""
        labels: list[np.ndarray] = []
        for number, (values, rows) in enumerate(zip(self.labels.values, want, strict=True)):
            assert isinstance(values, tuple)
            kept = [place for place, piece in enumerate(self.labels.pieces[number]) if piece is not None][
                : len(rows)
            ]
            labels.append(np.array(values)[kept])
        names, total = self.labels.classes.names, sum(map(len, self.labels.pieces))
        result = _decided("words", np.concatenate(labels), np.concatenate(want), np.concatenate(got), names)
        decided = [[rows.argmax(axis=1) for rows in side] for side in (want, got)]
        first, second = (_all_right(labels, side) for side in decided)
        scores = [*result.scores, Score("texts without a wrong word", first, second)]
        if name_entities(names):
            named, *both = ([[names[number] for number in one] for one in side] for side in (labels, *decided))
            first, second = (entity_f1(named, side) for side in both)
            scores.append(Score("F1 of entities", first, second))
        return TaskResult("words", result.count, total - result.count, tuple(scores), result.confidence)


def _all_right(labels: Sequence[np.ndarray], decisions: Sequence[np.ndarray]) -> float:
    """The share of texts in which every decision is right."""
    return float(np.mean([bool((one == other).all()) for one, other in zip(labels, decisions, strict=True)]))


def _decided(what: str, labels: np.ndarray, want: np.ndarray, got: np.ndarray, names: Sequence[str]) -> TaskResult:
    """The scores of decisions between classes, by logits [N, C]."""
    first, second = want.argmax(axis=1), got.argmax(axis=1)
    scores = [
        Score("accuracy", accuracy(labels, first), accuracy(labels, second)),
        Score("macro F1", macro_f1(labels, first), macro_f1(labels, second)),
    ]
    if want.shape[1] == 2:
        name = names[1] if names else "class 1"
        scores.append(Score(f"F1 of {name}", class_f1(labels, first, 1), class_f1(labels, second, 1)))
    right, still = first == labels, second == labels
    p_value = mcnemar(int(np.sum(right & ~still)), int(np.sum(still & ~right))) if what == "texts" else None
    bins = tuple(_by_confidence(confidences(want), first != second, right, still))
    return TaskResult(what, len(labels), 0, tuple(scores), bins, p_value)


def _by_confidence(
    sure: np.ndarray, changed: np.ndarray, right: np.ndarray, still: np.ndarray
) -> list[Confidence]:
    """The decisions, by how sure the reference is; the last row has those of 1 too."""
    rows = []
    places = np.clip(np.digitize(sure, EDGES) - 1, 0, len(EDGES) - 2)
    for place, (least, below) in enumerate(pairwise(EDGES)):
        these = places == place
        if these.any():
            lost, gained = (int(np.sum(these & one & ~other)) for one, other in ((right, still), (still, right)))
            rows.append(Confidence(least, below, int(these.sum()), int(np.sum(these & changed)), lost, gained))
    return rows
