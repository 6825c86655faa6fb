"""What a tokenizer's normalization makes of each code point, as one table for its graph."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertferry.core.tokenizer import Tokenizer
from bertferry.export.text.code_points import COUNT, CodePoints, read_code_points

FOUND = COUNT
"""Stands for a token that was found in a text: a code point that does not exist."""
POINT = (1 << 21) - 1
BLANK, ALONE, SPACED, REMOVED, INVISIBLE, SEVERAL, ORDERED = (1 << bit for bit in range(21, 28))
"""Bits of a result: a blank; a word of its own, or even with blanks around it; nothing is left; removed by
cleaning, before anything else; see `Mapping.several`; its place depends on its neighbors' combining classes."""
BLOCK = 256


@dataclass(frozen=True)
class Mapping:
    """The normalization of code points.

    Attributes:
      results: of each code point: what it becomes, in the bits of `POINT`, and what that is. If `SEVERAL`, `POINT`
        is a row of `several`.
      several: code points that take the place of one, to be mapped in turn: flat.
      splits: where the rows of `several` begin and end.
      combining: the combining class of each code point, or of the first in its decomposition.
    """

    results: NDArray[np.int32]
    several: NDArray[np.int32]
    splits: NDArray[np.int64]
    combining: NDArray[np.int32]


def map_code_points(tokenizer: Tokenizer) -> Mapping:
    """The mapping of a tokenizer: cleaned, decomposed and stripped of accents, and lower-cased.

    In the order of `tokenizers`.
    """
    data = read_code_points()
    results = np.arange(COUNT + 1, dtype=np.int32)
    rows: list[tuple[int, ...]] = []
    for point in sorted(data.lower.keys() | data.decomposition.keys()):
        sequence: tuple[int, ...] = (point,)
        if tokenizer.strips_accents:
            sequence = tuple(part for p in sequence for part in data.decomposition.get(p, (p,)))
        kept = [p for p in sequence if not (tokenizer.strips_accents and data.mark[p])]
        ended = [end for p in kept for end in (data.lower.get(p, (p,)) if tokenizer.lower_case else (p,))]
        if len(ended) > 1:
            results[point] = SEVERAL | len(rows)
            rows.append(sequence if len(sequence) > 1 else tuple(ended))
        else:
            results[point] = ended[0] if ended else REMOVED
    several = np.array([point for row in rows for point in row], np.int32)
    splits = np.cumsum([0, *(len(row) for row in rows)], dtype=np.int64)
    _classify(results, tokenizer, data)
    combining = np.append(data.combining, 0).astype(np.int32)
    for point, sequence in data.decomposition.items():
        combining[point] = data.combining[sequence[0]]
    return Mapping(results, several, splits, combining)


def _classify(results: NDArray[np.int32], tokenizer: Tokenizer, data: CodePoints) -> None:
    """Adds what each result is."""
    single = results < POINT
    ends = np.where(single, results, 0)[:COUNT]
    spaced = data.cjk & tokenizer.tokenize_chinese_chars
    for bit, flags in (
        (BLANK, data.blank[ends]),
        (ALONE, data.punctuation[ends] | spaced),
        (SPACED, spaced),
    ):
        results[:COUNT] |= np.where(single[:COUNT] & flags, bit, 0).astype(np.int32)
    results[FOUND] |= ALONE
    if tokenizer.strips_accents:
        results[:COUNT][data.mark] |= REMOVED
        results[:COUNT] |= np.where((data.combining > 0) & ~data.mark & single[:COUNT], ORDERED, 0).astype(
            np.int32
        )
    if tokenizer.clean_text:
        results[:COUNT][data.invisible] = REMOVED | INVISIBLE
        results[:COUNT][data.blank & ~data.invisible] = ord(" ") | BLANK


def split_blocks(values: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """A table by code point as its distinct blocks of `BLOCK`, flat, and where the one of each block begins."""
    padded = np.zeros(-(-len(values) // BLOCK) * BLOCK, np.int32)
    padded[: len(values)] = values
    blocks, inverse = np.unique(padded.reshape(-1, BLOCK), axis=0, return_inverse=True)
    return blocks.ravel(), (inverse.ravel() * BLOCK).astype(np.int32)
