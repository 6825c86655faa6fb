"""Reads the names of a classifier's classes from a file, for sources whose files do not have them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bertferry.core.errors import UsageError

EXPECTED = "expected a name per line, or JSON: a list of names, id2label, label2id or a configuration"


def read_labels(path: Path) -> dict[str, str]:
    """The names by the number of their class, as `id2label` of transformers has them.

    Args:
      path: a text with one name per line in the order of the classes, or JSON: a list in this order, an object
        that maps numbers to names or names to numbers, or a configuration with such an `id2label` or `label2id`.

    Raises:
      UsageError: the file cannot be read, is of no such form, or has a name twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: labels cannot be read: {error}") from error
    names = _of_json(path, text) if text.lstrip()[:1] in ("{", "[") else _of_lines(text)
    numbered = {str(number): name for number, name in sorted(names.items())}
    if list(numbered) != [str(number) for number in range(len(numbered))] or not numbered:
        raise UsageError(f"{path}: the labels are not numbered from 0: {EXPECTED}")
    twice = [name for name in numbered.values() if list(numbered.values()).count(name) > 1]
    if twice:
        raise UsageError(f"{path}: the label {twice[0]!r} occurs twice")
    return numbered


def _of_lines(text: str) -> dict[int, str]:
    lines = [line.strip() for line in text.split("\n")]
    return dict(enumerate(line for line in lines if line))


def _of_json(path: Path, text: str) -> dict[int, str]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}: {EXPECTED}") from error
    if isinstance(values, dict):
        values = values.get("id2label") or values.get("label2id") or values
    if isinstance(values, list) and all(isinstance(name, str) for name in values):
        return dict(enumerate(values))
    found = _numbered(values) if isinstance(values, dict) else None
    if found is None:
        raise UsageError(f"{path}: {EXPECTED}")
    return found


def _numbered(values: Mapping[str, Any]) -> dict[int, str] | None:
    """Names by numbers, from an object that maps either to the other; None if it maps something else."""
    if all(isinstance(name, str) and key.isdecimal() for key, name in values.items()):
        return {int(key): name for key, name in values.items()}
    if all(isinstance(number, int) and not isinstance(number, bool) for number in values.values()):
        return {number: name for name, number in values.items()}
    return None
