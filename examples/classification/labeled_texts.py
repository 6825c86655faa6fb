"""Reads labeled texts, alone or in pairs: lines of tab-separated columns, or of JSON."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bertferry.core.errors import UsageError

JSON_SUFFIXES = (".jsonl", ".json")


@dataclass(frozen=True)
class Columns:
    """Which columns hold text, second text and label: names, in JSON or in a first line, or numbers from 1.

    By default, lines of two columns are text and label, those of three two texts and their label, and the keys of
    JSON are `text`, `second` and `label`.
    """

    text: str | None = None
    second: str | None = None
    label: str | None = None

    @property
    def named(self) -> bool:
        """Whether a first line has the names."""
        return any(name is not None and not name.isdecimal() for name in (self.text, self.second, self.label))


@dataclass(frozen=True)
class LabeledTexts:
    """Texts, the second ones of pairs or None, and labels as they are written."""

    path: Path
    texts: tuple[str, ...]
    seconds: tuple[str, ...] | None
    labels: tuple[str, ...]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.texts)

    def take(self, numbers: Sequence[int] | np.ndarray) -> "LabeledTexts":
        """Some of them, in the order of the numbers."""
        seconds = None if self.seconds is None else tuple(self.seconds[number] for number in numbers)
        texts, labels = (tuple(column[number] for number in numbers) for column in (self.texts, self.labels))
        return LabeledTexts(self.path, texts, seconds, labels)

    @property
    def digest(self) -> str:
        """A digest of all of it."""
        return hashlib.sha256(json.dumps([self.texts, self.seconds, self.labels]).encode()).hexdigest()


def read_labeled_texts(path: Path, columns: Columns = Columns()) -> LabeledTexts:
    """The labeled texts of a `.jsonl` file, or of one with tab-separated columns.

    Line breaks and tabs within a text of a JSON file become spaces.

    Raises:
      UsageError: the file cannot be read, has no texts, or a line without text or label; the line is named.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or f"not UTF-8: {error}"
        raise UsageError(f"{path}: labeled texts cannot be read: {reason}") from error
    numbered = [(number, line.rstrip("\r")) for number, line in enumerate(lines, start=1) if line.strip()]
    read = _json_rows if path.suffix in JSON_SUFFIXES else _tabbed_rows
    rows = read(path, numbered, columns)
    if not rows:
        raise UsageError(f"{path}: no labeled texts: expected one per line")
    for number, row in rows:
        if blank := next(
            (name for name, value in zip(("text", "label", "second text"), row, strict=False) if not value), None
        ):
            raise UsageError(f"{path}, line {number}: no {blank}")
    widths = Counter(len(row) for _, row in rows)
    if len(widths) > 1:
        odd = next(number for number, row in rows if len(row) != widths.most_common(1)[0][0])
        raise UsageError(f"{path}, line {odd}: some lines have one text and others two")
    texts, labels, *seconds = zip(*(row for _, row in rows), strict=True)
    if read is _tabbed_rows and not columns.named:
        _check_no_names(path, rows[0][1], Counter(labels))
    return LabeledTexts(path, texts, seconds[0] if seconds else None, labels)


Rows = list[tuple[int, tuple[str, ...]]]
"""Numbers of lines, and (text, label) or (text, label, second text)."""


def _json_rows(path: Path, lines: Sequence[tuple[int, str]], columns: Columns) -> Rows:
    names = (columns.text or "text", columns.label or "label", columns.second or "second")
    rows = []
    for number, line in lines:
        try:
            values = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{path}, line {number}: not a JSON object per line: {error}") from error
        if not isinstance(values, dict):
            raise UsageError(f"{path}, line {number}: expected an object with the keys text and label")
        wanted = names if columns.second or names[2] in values else names[:2]
        if missing := [name for name in wanted if not isinstance(values.get(name), str | int | float)]:
            raise UsageError(
                f"{path}, line {number}: no {missing[0]!r} among its keys {', '.join(values)}",
                "name the keys with --text-column, --second-column and --label-column",
            )
        rows.append((number, tuple(" ".join(str(values[name]).split()) for name in wanted)))
    return rows


def _tabbed_rows(path: Path, lines: Sequence[tuple[int, str]], columns: Columns) -> Rows:
    if not lines:
        return []
    head = lines[0][1].split("\t")
    places = _places(path, head, columns)
    rows = []
    for number, line in lines[1:] if columns.named else lines:
        cells = line.split("\t")
        if len(cells) != len(head):
            raise UsageError(
                f"{path}, line {number}: {len(cells)} columns between tabs, but line 1 has {len(head)}"
            )
        rows.append((number, tuple(cells[place].strip() for place in places)))
    return rows


def _places(path: Path, head: Sequence[str], columns: Columns) -> tuple[int, ...]:
    """The places of text and label, and of a second text if there is one."""
    if columns == Columns():
        usual = {2: (0, 1), 3: (0, 2, 1)}.get(len(head))
        if usual is None:
            raise UsageError(
                f"{path}: line 1 has {len(head)} columns between tabs, not text and label, or two texts and label",
                "name the columns with --text-column, --second-column and --label-column",
            )
        return usual
    places = []
    for flag, name in (("text", columns.text), ("label", columns.label), ("second", columns.second)):
        if name is None and flag == "second":
            continue
        if name is None:
            raise UsageError(f"{path}: --{flag}-column is missing, as other columns are named")
        if name in head and columns.named:
            places.append(head.index(name))
        elif name.isdecimal() and 0 < int(name) <= len(head):
            places.append(int(name) - 1)
        else:
            raise UsageError(f"{path}: no column {name!r}: line 1 has {', '.join(head)[:200]}")
    return tuple(places)


def _check_no_names(path: Path, first: tuple[str, ...], labels: Counter[str]) -> None:
    """Refuses a first line whose label is that of no other one: it seems to name the columns.

    Raises:
      UsageError: it does.
    """
    if (
        len(labels) > 2
        and labels[first[1]] == 1
        and min(count for label, count in labels.items() if label != first[1]) > 1
    ):
        raise UsageError(
            f"{path}, line 1: {first[1]!r} is the label of no other line, and may be the name of a column",
            "name the columns with --text-column and --label-column",
        )


def split(examples: LabeledTexts, share: float, seed: int) -> tuple[LabeledTexts, LabeledTexts]:
    """The examples without a share of them, and that share, chosen at random.

    Raises:
      UsageError: one side would have no examples.
    """
    count = round(share * len(examples))
    if not 0 < count < len(examples):
        raise UsageError(
            f"{examples.path}: {len(examples)} examples cannot be split by {share:g}: name further files"
        )
    order = np.random.default_rng([seed, len(examples)]).permutation(len(examples))
    return examples.take(np.sort(order[count:])), examples.take(np.sort(order[:count]))
