"""Writes what the pinned release of `tokenizers` does to every code point, for the graphs of text modules.

Usage: code_points.py [--check]

Needs the extra `test`. Asks its normalizers and pre-tokenizer about each code point between two letters and writes
export/bertferry/export/text/code_points.txt; with --check only says whether that file is what would be written.
"""

import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from textwrap import fill

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import NFD, BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

FILE = Path(__file__).parent.parent / "export/bertferry/export/text/code_points.txt"
POINTS = [*range(0xD800), *range(0xE000, 0x110000)]
HANGUL = range(0xAC00, 0xD7A4)
"""Decomposed by arithmetic."""
FIRST_CLASS, LAST_CLASS = "\u0334", "\u0345"
"""Marks of the least and of the greatest combining class, 1 and 240."""
WIDTH = 112


def main() -> None:
    text = write()
    if sys.argv[1:] == ["--check"]:
        sys.exit(None if FILE.read_text(encoding="utf-8") == text else f"{FILE}: written by another release")
    FILE.write_text(text, encoding="utf-8")


def write() -> str:
    """The whole file."""
    cleaned, lowered = _normalized(clean_text=True), _normalized(lowercase=True)
    stripped, decomposed = _normalized(strip_accents=True), _between(NFD().normalize_str)
    split = BertPreTokenizer().pre_tokenize_str
    parts = {point: [part for part, _ in split(f"a{chr(point)}b")] for point in POINTS}
    sections = {
        "invisible": _ranges(point for point in POINTS if not cleaned[point]),
        "blank": _ranges(point for point in POINTS if parts[point] == ["a", "b"]),
        "punctuation": _ranges(point for point in POINTS if len(parts[point]) == 3),
        "mark": _ranges(point for point in POINTS if decomposed[point] and not stripped[point]),
        "word": _ranges(_beside_words()),
        "combining": _numbered({point: unicodedata.combining(chr(point)) for point in _combining()}, ""),
        "lower": _lower(lowered),
        "decomposition": _sequences(decomposed, POINTS),
    }
    title = f"# Code points as tokenizers {version('tokenizers')} has them; written by tools/code_points.py."
    return "\n".join([title, *(f"\n{name}:\n{_wrapped(words)}" for name, words in sections.items())]) + "\n"


def _normalized(**settings: bool) -> dict[int, str]:
    off = dict.fromkeys(("clean_text", "handle_chinese_chars", "strip_accents", "lowercase"), False)
    return _between(BertNormalizer(**{**off, **settings}).normalize_str)


def _between(normalize: Callable[[str], str]) -> dict[int, str]:
    return {point: normalize(f"a{chr(point)}b")[1:-1] for point in POINTS}


def _beside_words() -> list[int]:
    """Beside which a token that is a word of its own is not found."""
    tokenizer = Tokenizer(WordLevel({"?": 0}, unk_token="?"))
    tokenizer.add_tokens([AddedToken("!", single_word=True, normalized=False)])
    encoded = tokenizer.encode_batch([f"{chr(point)}!" for point in POINTS])
    return [point for point, found in zip(POINTS, encoded, strict=True) if 1 not in found.ids and point != 0x21]


def _combining() -> list[int]:
    """Code points that are ordered: their classes never change (unicode.org/policies/stability_policy.html)."""
    order = NFD().normalize_str
    return [
        point
        for point in POINTS
        if order(f"a{chr(point)}{FIRST_CLASS}")[1] == FIRST_CLASS
        or order(f"a{LAST_CLASS}{chr(point)}")[-1] == LAST_CLASS
        if unicodedata.normalize("NFD", chr(point)) == chr(point)
    ]


def _lower(lowered: dict[int, str]) -> list[str]:
    single = {point: ord(text) - point for point, text in lowered.items() if len(text) == 1 and text != chr(point)}
    several = [point for point, text in lowered.items() if len(text) > 1]
    return [*_numbered(single, "+"), *_sequences(lowered, several)]


def _sequences(texts: dict[int, str], points: Iterable[int]) -> list[str]:
    return [
        f"{point:04X}={'_'.join(f'{ord(character):04X}' for character in texts[point])}"
        for point in points
        if texts[point] != chr(point) and point not in HANGUL
    ]


def _numbered(values: dict[int, int], sign: str) -> list[str]:
    """Ranges with a number: `0041-005A=+32`."""
    alike = groupby(values.items(), lambda item: item[1])
    return [f"{span}={sign if n > 0 else ''}{n}" for n, items in alike for span in _ranges(p for p, _ in items)]


def _ranges(points: Iterable[int]) -> list[str]:
    """Sorted code points as ranges: `0898-089F`."""
    return [f"{first:04X}" if first == last else f"{first:04X}-{last:04X}" for first, last in _runs(points)]


def _runs(points: Iterable[int]) -> Iterator[tuple[int, int]]:
    for _, run in groupby(enumerate(points), lambda item: item[1] - item[0]):
        members = [point for _, point in run]
        yield members[0], members[-1]


def _wrapped(words: list[str]) -> str:
    return fill(" ".join(words), WIDTH, break_on_hyphens=False)


if __name__ == "__main__":
    main()
