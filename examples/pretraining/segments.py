"""Pairs of segments for the prediction of the next sentence, as create_pretraining_data.py of 2018 draws them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bertferry.core.errors import UsageError
from pretraining.documents import Document, Sentence, Token

RANDOM_NEXT = 0.5
"""How often the second segment is of another document, where there is more than one sentence to choose from."""


@dataclass(frozen=True)
class Segments:
    """One segment of text or two; with `is_random`, the second one is of another document."""

    first: list[Token]
    second: list[Token]
    is_random: bool = False


def check_documents(documents: Sequence[Document]) -> None:
    """Refuses a single document, which has no other one for random segments.

    Raises:
      UsageError: there is only one.
    """
    if len(documents) < 2:
        raise UsageError(
            "the text is a single document, but every other second segment of next sentences is from another one: "
            "separate documents by empty lines",
            "or give --no-next-sentence",
        )


def draw_pairs(
    documents: Sequence[Document], number: int, room: int, short: float, rng: np.random.Generator
) -> Iterator[Segments]:
    """Pairs of segments that go through a document once.

    Args:
      documents: all of them, two at least.
      number: of the document.
      room: tokens of both segments together.
      short: probability of a pair that is to be shorter.
      rng: what is drawn from.
    """
    document = documents[number]
    at = 0
    while at < len(document):
        target = _target(room, short, rng)
        chunk, after = _collect(document, at, target)
        cut = int(rng.integers(1, len(chunk))) if len(chunk) > 1 else 1
        first = _join(chunk[:cut])
        is_random = len(chunk) == 1 or rng.random() < RANDOM_NEXT
        if is_random:
            second = _random_segment(documents, number, target - len(first), rng)
            after = at + cut  # what was not used begins the next pair
        else:
            second = _join(chunk[cut:])
        yield Segments(*truncated(first, second, room, rng), is_random)
        at = after


def draw_texts(document: Document, room: int, short: float, rng: np.random.Generator) -> Iterator[Segments]:
    """Segments that go through a document once, each of as many whole sentences as there is room for."""
    at = 0
    while at < len(document):
        chunk, at = _collect(document, at, _target(room, short, rng))
        first, _ = truncated(_join(chunk), [], room, rng)
        yield Segments(first, [])


def _target(room: int, short: float, rng: np.random.Generator) -> int:
    return int(rng.integers(2, room + 1)) if rng.random() < short else room


def _collect(document: Document, at: int, target: int) -> tuple[list[Sentence], int]:
    """Sentences from one on until they have as many tokens as wanted, and the number of the one after them."""
    end, count = at, 0
    while end < len(document) and count < target:
        count += len(document[end])
        end += 1
    return document[at:end], end


def _random_segment(
    documents: Sequence[Document], number: int, target: int, rng: np.random.Generator
) -> list[Token]:
    """Sentences of another document, from any of them on."""
    other = documents[(number + int(rng.integers(1, len(documents)))) % len(documents)]
    return _join(_collect(other, int(rng.integers(len(other))), max(target, 1))[0])


def truncated(
    first: list[Token], second: list[Token], room: int, rng: np.random.Generator
) -> tuple[list[Token], list[Token]]:
    """Both segments, the longer one without tokens at its beginning or end, by chance, until there is room."""
    first, second = list(first), list(second)
    while len(first) + len(second) > room:
        longer = first if len(first) > len(second) else second
        longer.pop(0 if rng.random() < 0.5 else -1)
    return first, second


def _join(sentences: Sequence[Sentence]) -> list[Token]:
    return [token for sentence in sentences for token in sentence]
