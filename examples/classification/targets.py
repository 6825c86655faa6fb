"""What labels mean: classes with their names, or the scores of a regression."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bertferry.convert import Checkpoint
from bertferry.core.errors import UsageError
from bertferry.verify.labeled.formulas import accuracy, macro_f1, spearman
from classification.labeled_texts import LabeledTexts

SHOWN = 8


@dataclass(frozen=True)
class Targets:
    """The names of the classes in order; none for a regression."""

    names: tuple[str, ...]

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
            raise UsageError(f"{examples.path}: the label {unknown[0]!r} is none of the classes {known}")
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


def own_classes(source: Checkpoint) -> tuple[str, ...]:
    """The names of the classes of a checkpoint's own head, which is trained further; () if it has none."""
    if "classifier" not in source.heads:
        return ()
    classes = source.sizes["classes"]
    names = source.classifier.labels.get("id2label", {})
    named = [str(names.get(str(number), number)) for number in range(classes)]
    return tuple(name.removeprefix("LABEL_") for name in named)


def find_targets(examples: LabeledTexts, *, regression: bool, names: Sequence[str] = ()) -> Targets:
    """The targets of the examples to train on.

    Args:
      examples: to train on.
      regression: labels are scores.
      names: of the classes of a head that is trained further; () for those of the examples, in alphabetical order,
        or that of numbers.

    Raises:
      UsageError: all labels are the same, or there are as many as there are texts.
    """
    used = set(examples.labels)
    if len(used) < 2:
        raise UsageError(
            f"{examples.path}: all {len(examples)} labels are {examples.labels[0]!r}: nothing to learn"
        )
    if regression:
        return Targets(())
    if names:
        return Targets(tuple(names))
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
