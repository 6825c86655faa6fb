"""Texts as the tokens of a checkpoint's tokenizer, without what is put around them, and inputs made of these."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bertferry.convert.checkpoint import Checkpoint
from bertferry.core.errors import UsageError
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.verify.tokenization import SourceTokenizer


@dataclass(frozen=True)
class Pieces:
    """The tokens of a text: their `ids`, the characters [begin, end) of each, and the `words` they belong to."""

    ids: list[int]
    spans: list[tuple[int, int]]
    words: list[int]

    def __len__(self) -> int:
        """How many they are."""
        return len(self.ids)


@dataclass(frozen=True)
class Frame:
    """What stands before, between and after the tokens of two texts, and the types of the two parts."""

    before: list[int]
    between: list[int]
    after: list[int]
    types: tuple[int, int]

    def __len__(self) -> int:
        """How many tokens it has."""
        return len(self.before) + len(self.between) + len(self.after)

    def inputs(self, first: Sequence[int], second: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Ids and types [S] of two texts in it."""
        head, tail = [*self.before, *first, *self.between], [*second, *self.after]
        types = [self.types[0]] * len(head) + [self.types[1]] * len(tail)
        return np.array([*head, *tail], np.int32), np.array(types, np.int32)


def tokenizer_of(checkpoint: Checkpoint, purpose: str) -> SourceTokenizer:
    """The tokenizer of a checkpoint.

    Raises:
      UsageError: it has none, or none that is known here.
    """
    reading = checkpoint.tokenizer_reading
    if reading is None:
        raise UsageError(f"{checkpoint.location.path}: no vocabulary (vocab.txt) and no other tokenizer beside it")
    return SourceTokenizer(reading.tokenizer, purpose)


def split_texts(source: SourceTokenizer, texts: Sequence[str]) -> list[Pieces]:
    """The tokens of each text, not cut."""
    source.backend.no_truncation()
    rows = source.backend.encode_batch(list(texts), add_special_tokens=False)
    return [Pieces(row.ids, row.offsets, row.word_ids) for row in rows]


def frame_of(source: SourceTokenizer, *, pair: bool = True) -> Frame:
    """What the tokenizer puts around two texts; without `pair`, around one, which is then the first."""
    source.backend.no_truncation()
    row = source.backend.encode("1", "2") if pair else source.backend.encode("1")
    places = [place for place, number in enumerate(row.sequence_ids) if number is not None]
    first = [place for place in places if row.sequence_ids[place] == 0]
    second = [place for place in places if row.sequence_ids[place] == 1] or [len(row.ids)]
    between = row.ids[first[-1] + 1 : second[0]]
    types = row.type_ids[first[0]], row.type_ids[-1]
    return Frame(row.ids[: first[0]], between, row.ids[second[-1] + 1 :], types)


def padded(rows: Iterable[tuple[np.ndarray, np.ndarray]], pad_id: int) -> dict[str, np.ndarray]:
    """The inputs [B, S] of an encoder, as wide as the longest row of ids and types, padded on the right."""
    rows = list(rows)
    ids, mask, types = np.zeros((3, len(rows), max(len(row) for row, _ in rows)), np.int32)
    ids += pad_id
    for number, (row, kinds) in enumerate(rows):
        ids[number, : len(row)], types[number, : len(row)], mask[number, : len(row)] = row, kinds, 1
    return dict(zip(ENCODER_INPUTS, (ids, mask, types), strict=True))


def check_file(path: Path, flag: str) -> None:
    """Refuses a file that is not there.

    Raises:
      UsageError: naming the flag.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file ({flag})")
