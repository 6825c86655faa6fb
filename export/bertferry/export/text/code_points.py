"""What `tokenizers` does to each Unicode code point, whatever the versions of TensorFlow's own Unicode tables.

`code_points.txt` was written by `tools/code_points.py` from the release that its first line names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

COUNT = 0x110000
CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
"""As in `tokenizers`, whose sixth range begins later than that of google-research/bert, 2B820."""
HANGUL, LEADING, VOWEL, TRAILING = 0xAC00, 0x1100, 0x1161, 0x11A7
"""The first syllable and the first of each kind of letter: Unicode 3.12."""

Flags = NDArray[np.bool_]
Sequences = dict[int, tuple[int, ...]]


@dataclass(frozen=True)
class CodePoints:
    """Classes of code points, each an array of `COUNT`, and what becomes of them.

    Attributes:
      invisible: removed by cleaning.
      blank: separates words.
      punctuation: a word of its own.
      cjk: a word of its own if CJK characters are.
      mark: nonspacing (Mn).
      word: a letter, digit or underscore, beside which a token that is a single word is not found.
      combining: canonical combining class.
      lower: in lower case, if that is different.
      decomposition: in NFD, if that is different.
    """

    invisible: Flags
    blank: Flags
    punctuation: Flags
    cjk: Flags
    mark: Flags
    word: Flags
    combining: NDArray[np.uint8]
    lower: Sequences
    decomposition: Sequences


@cache
def read_code_points() -> CodePoints:
    """The contents of `code_points.txt`, and what needs no table."""
    text = (files(__package__) / "code_points.txt").read_text(encoding="utf-8")
    sections = {section.partition(":")[0]: section.partition(":")[2].split() for section in text.split("\n\n")[1:]}
    combining = np.zeros(COUNT, np.uint8)
    for span, value in _assignments(sections["combining"]):
        combining[span.start : span.stop] = int(value)
    lower: dict[int, tuple[int, ...]] = {}
    for span, value in _assignments(sections["lower"]):
        shifted = value[0] in "+-"
        lower |= {point: (point + int(value),) if shifted else _sequence(value) for point in span}
    decomposition = {span.start: _sequence(value) for span, value in _assignments(sections["decomposition"])}
    cjk = np.zeros(COUNT, bool)
    for first, last in CJK:
        cjk[first : last + 1] = True
    return CodePoints(
        **{name: _flags(sections[name]) for name in ("invisible", "blank", "punctuation", "mark", "word")},
        cjk=cjk,
        combining=combining,
        lower=lower,
        decomposition=decomposition | dict(_hangul()),
    )


def _assignments(words: list[str]) -> Iterator[tuple[range, str]]:
    for word in words:
        span, _, value = word.partition("=")
        yield _span(span), value


def _span(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first, 16), int(last or first, 16) + 1)


def _flags(words: list[str]) -> Flags:
    flags = np.zeros(COUNT, bool)
    for word in words:
        span = _span(word)
        flags[span.start : span.stop] = True
    return flags


def _sequence(text: str) -> tuple[int, ...]:
    return tuple(int(point, 16) for point in text.split("_"))


def _hangul() -> Iterator[tuple[int, tuple[int, ...]]]:
    """Decompositions of the syllables."""
    for number in range(19 * 21 * 28):
        rest, trailing = divmod(number, 28)
        leading, vowel = divmod(rest, 21)
        letters = LEADING + leading, VOWEL + vowel
        yield HANGUL + number, (*letters, TRAILING + trailing) if trailing else letters
