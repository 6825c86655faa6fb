"""Reads the labels of texts, one line per text: a class, a score, or a class per word."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bertferry.core.errors import UsageError
from bertferry.core.tasks import EMBEDDINGS
from bertferry.verify.labeled.classes import NUMBERED, Classes

Kind = Literal["classes", "scores", "words", "similarities"]
"""Of what a line says of its text: its class; its score, by a regression; the classes of its words; or how similar
the two texts of its line are."""
SHOWN = 8
LONGEST = 10
"""Digits of a number that is no class."""
NUMBERS = ("regression", "single_label_classification")
"""Problem types whose labels are one number, or one class."""


@dataclass(frozen=True)
class Labels:
    """What is right: by text, a class, a score, or the classes of its words.

    `pieces` are, by text, the places of its words' first tokens, None for a word that has none.
    """

    kind: Kind
    path: Path
    values: tuple[int, ...] | tuple[float, ...] | tuple[tuple[int, ...], ...]
    classes: Classes = field(default_factory=Classes)
    pieces: Sequence[Sequence[int | None]] = ()

    def check_columns(self, columns: int) -> None:
        """Checks the classes against the columns of the logits that the reference returned.

        Raises:
          UsageError: naming the line.
        """
        if self.kind == "scores" and columns != 1:
            raise UsageError(f"{self.path}: labels are scores, but the logits have {columns} columns")
        if self.kind not in ("classes", "words"):
            return
        if columns == 1:
            raise UsageError(
                f"{self.path}: labels are classes, but the logits have one column, as those of a regression"
            )
        for line, value in enumerate(self.values, start=1):
            for number in value if isinstance(value, tuple) else (value,):
                if number >= columns:
                    raise UsageError(
                        f"{self.path}, line {line}: class {number}, but the logits have {columns} columns"
                    )


def kind_of(task: str, classes: Classes, *, strings: bool) -> Kind:
    """What the labels of a task are; `strings` says that candidates are embeddings of strings.

    Raises:
      UsageError: a task without labels here.
    """
    if strings or task == EMBEDDINGS:
        return "similarities"
    if task not in ("classifier", "tokens"):
        raise UsageError(
            f"--labels: task {task} decides nothing that labels could judge: give --task classifier, tokens or "
            "embeddings"
        )
    if classes.problem and classes.problem not in NUMBERS:
        raise UsageError(f"--labels: a classifier whose problem_type is {classes.problem} has no label per text")
    if task == "tokens":
        return "words"
    return "scores" if classes.columns == 1 or classes.problem == "regression" else "classes"


def read_labels(path: Path, kind: Kind, texts: Sequence[str], classes: Classes) -> Labels:
    """The labels of texts, one line per text.

    Args:
      path: the file.
      kind: what a line says.
      texts: the lines of the file of texts.
      classes: of the artifacts: lines are their names, or numbers from 0 on (1 or LABEL_1).

    Raises:
      UsageError: the file cannot be read, has another number of lines, or a line that has no such label.
    """
    lines = _read_lines(path)
    if len(lines) != len(texts):
        raise UsageError(f"{path}: {len(lines)} labels, but there are {len(texts)} texts")
    if kind in ("scores", "similarities"):
        values = tuple(_score(path, number, line) for number, line in enumerate(lines, start=1))
        if len(set(values)) < 2:
            raise UsageError(f"{path}: all scores are {values[0]:g}: they order nothing")
        return Labels(kind, path, values)
    words = [line.split() if kind == "words" else [line] for line in lines]
    number_of = _numbering(path, words, classes)
    if kind == "classes":
        return Labels(kind, path, tuple(number_of(at, line) for at, line in enumerate(lines, start=1)), classes)
    for at, (own, text) in enumerate(zip(words, texts, strict=True), start=1):
        if len(own) != len(text.split()):
            raise UsageError(f"{path}, line {at}: {len(own)} labels, but its text has {len(text.split())} words")
    return Labels(
        kind,
        path,
        tuple(tuple(number_of(at, word) for word in own) for at, own in enumerate(words, start=1)),
        classes,
    )


def _read_lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: labels cannot be read: {error}") from error
    while lines and not lines[-1].strip():
        del lines[-1]
    if not lines:
        raise UsageError(f"{path}: no labels: expected one line per text")
    lines = [line.strip() for line in lines]
    if "" in lines:
        raise UsageError(f"{path}, line {lines.index('') + 1}: no label")
    return lines


def _score(path: Path, at: int, line: str) -> float:
    try:
        value = float(line)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"{path}, line {at}: {line[:40]!r} is no score: expected a number")
    return value


def _numbering(path: Path, lines: Sequence[Sequence[str]], classes: Classes) -> Callable[[int, str], int]:
    """A function that turns a label in a line into the number of its class: all are names, or all are numbers.

    Raises:
      UsageError: all are both, and differ: nobody can know which is meant.
    """
    names = {name: number for number, name in enumerate(classes.names)}
    used = {label for line in lines for label in line}
    numbers = [_number(label) for label in used]
    as_names, as_numbers = used <= names.keys(), None not in numbers
    in_range = as_numbers and (classes.columns is None or max(filter(None, numbers), default=0) < classes.columns)
    if as_names and in_range and (unclear := sorted(one for one in used if names[one] != _number(one))):
        raise UsageError(
            f"{path}: {unclear[0]!r} is the name of class {names[unclear[0]]} and the number of another",
            f"write numbers as {NUMBERED}0, {NUMBERED}1, …",
        )

    def number_of(at: int, label: str) -> int:
        number = names.get(label) if as_names or not as_numbers else _number(label)
        if number is None or (classes.columns is not None and number >= classes.columns):
            raise UsageError(f"{path}, line {at}: {label[:40]!r} is no label: expected {_expected(classes)}")
        return number

    return number_of


def _number(label: str) -> int | None:
    digits = label.removeprefix(NUMBERED)
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < LONGEST else None


def _expected(classes: Classes) -> str:
    most = "" if classes.columns is None else f" to {classes.columns - 1}"
    numbers = f"a number from 0{most}"
    if not classes.names:
        return numbers
    more = ", …" if len(classes.names) > SHOWN else ""
    return f"one of {', '.join(classes.names[:SHOWN])}{more}, or in every line {numbers}"
