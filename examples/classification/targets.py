"""What labels mean: classes with their names, or the scores of a regression."""

import math
from dataclasses import dataclass

import numpy as np

from bertferry.convert import Checkpoint
from bertferry.core.errors import UsageError
from bertferry.verify.labeled.classes import NUMBERED
from bertferry.verify.labeled.formulas import accuracy, macro_f1, spearman
from classification.labeled_texts import LabeledTexts

SHOWN = 8
ANOTHER_HEAD = "leave its head out first, with convert-checkpoint --task encoder"


@dataclass(frozen=True)
class Targets:
    """The names of the classes in order, none for a regression; `of_source`: those of the source's head."""

    names: tuple[str, ...]
    of_source: bool = False

    @property
    def count(self) -> int:
        """The columns of the logits."""
        return len(self.names) or 1

    @property
    def score(self) -> str:
        """The name of the result by which the best weights are chosen."""
        return "accuracy" if self.names else "Spearman"

    def numbers(self, examples: LabeledTexts) -> np.ndarray:
        """The class of each text (int32), or its score (float32).

        Raises:
          UsageError: a label that is none of the classes, or no number.
        """
        if not self.names:
            return np.array([_score(examples, label) for label in examples.labels], np.float32)
        number_of = {name: number for number, name in enumerate(self.names)}
        if unknown := sorted(set(examples.labels) - set(number_of)):
            known = ", ".join(self.names[:SHOWN]) + (", …" if len(self.names) > SHOWN else "")
            whose = " of the source's head" if self.of_source else ""
            raise UsageError(
                f"{examples.path}: the label {unknown[0]!r} is none of the classes {known}{whose}",
                ANOTHER_HEAD if self.of_source else "",
            )
        return np.array([number_of[label] for label in examples.labels], np.int32)

    def results(self, logits: np.ndarray, numbers: np.ndarray) -> dict[str, float]:
        """Metrics of logits [N, C]."""
        if not self.names:
            return {
                "Spearman": spearman(numbers, logits[:, 0]),
                "mean squared error": float(np.mean((logits[:, 0] - numbers) ** 2)),
            }
        decided = logits.argmax(axis=1)
        results = {"accuracy": accuracy(numbers, decided)}
        return results if len(self.names) == 2 else {**results, "macro F1": macro_f1(numbers, decided)}


def own_classes(source: Checkpoint) -> tuple[str, ...] | None:
    """The names of the classes of a checkpoint's own head, () if that is a regression's, None if it has none."""
    if "classifier" not in source.heads:
        return None
    classes = source.sizes["classes"]
    if classes == 1 or source.classifier.labels.get("problem_type") == "regression":
        return ()
    names = source.classifier.labels.get("id2label", {})
    named = [str(names.get(str(number), number)) for number in range(classes)]
    return tuple(name.removeprefix(NUMBERED) for name in named)


def find_targets(examples: LabeledTexts, source: Checkpoint, *, regression: bool) -> Targets:
    """The targets of the examples to train on.

    Args:
      examples: to train on.
      source: the checkpoint to train; a head that it has is trained further, and has its classes.
      regression: labels are scores.

    Raises:
      UsageError: all labels are the same, or are too many to be classes, or do not fit the head.
    """
    used = set(examples.labels)
    if len(used) < 2:
        raise UsageError(
            f"{examples.path}: all {len(examples)} labels are {examples.labels[0]!r}: nothing to learn"
        )
    own = own_classes(source)
    if own and regression:
        raise UsageError(
            f"{source.location.path}: --regression, but its head has {len(own)} classes", ANOTHER_HEAD
        )
    if own == () and not regression:
        raise UsageError(
            f"{source.location.path}: its head is that of a regression", f"give --regression, or {ANOTHER_HEAD}"
        )
    if regression or own:
        return Targets(own or (), of_source=own is not None)
    if len(used) > len(examples) / 2 and len(examples) > 2 * SHOWN:
        raise UsageError(
            f"{examples.path}: {len(used)} labels of {len(examples)} texts are no classes",
            "name the columns with --label-column, or give --regression if they are scores",
        )
    return Targets(tuple(sorted(used, key=_order)))


def _order(label: str) -> tuple[bool, float, str]:
    """Numbers by their value, before names."""
    number = int(label) if label.isascii() and label.isdecimal() else math.inf
    return number == math.inf, number, label


def _score(examples: LabeledTexts, label: str) -> float:
    try:
        value = float(label)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"{examples.path}: the label {label[:40]!r} is no number, which --regression expects")
    return value
