"""Questions with parts of their contexts, as an encoder takes them, which overlap as in run_squad.py of 2018."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pieces import Frame, Pieces, frame_of, split_texts

from bertferry.core.errors import UsageError
from bertferry.verify.tokenization import SourceTokenizer
from squad.questions import Answer, Question

NO_ANSWER = (0, 0)
"""Where a window says that the answer is not in it: the first token, [CLS]."""


@dataclass(frozen=True)
class WindowOptions:
    """How contexts are cut, in tokens.

    Attributes:
      length: of the longest window, the question and the special tokens included.
      stride: between the beginnings of two windows of a context.
      query_length: of the longest question; the rest is cut off.
    """

    length: int = 384
    stride: int = 128
    query_length: int = 64

    def __post_init__(self) -> None:
        """Refuses lengths that leave no room, and strides that are none.

        Raises:
          UsageError: naming the flag.
        """
        for flag, value in (("doc-stride", self.stride), ("max-query-length", self.query_length)):
            if value < 1:
                raise UsageError(f"--{flag} is {value}: it must be at least 1")
        if self.query_length + 4 > self.length:
            raise UsageError(
                f"--max-seq-length {self.length} leaves no room for a context after a question of "
                f"--max-query-length {self.query_length} and special tokens"
            )


@dataclass(frozen=True)
class Window:
    """A question with a part of its context.

    Attributes:
      question: its number.
      ids, types: of the tokens, [S].
      context_at: the position at which the context begins.
      spans: the characters [begin, end) of the context's tokens in the window, [T, 2].
      central: whether no other window has as many tokens around a token, [T].
      label: positions of the first and last token of the answer, `NO_ANSWER` if it is not in the window.
    """

    question: int
    ids: np.ndarray
    types: np.ndarray
    context_at: int
    spans: np.ndarray
    central: np.ndarray
    label: tuple[int, int]


def make_windows(
    source: SourceTokenizer, questions: Sequence[Question], options: WindowOptions
) -> Iterator[Window]:
    """The windows of all questions, in their order."""
    frame = frame_of(source)
    contexts: dict[str, Pieces] = {}
    for number, question in enumerate(questions):
        if question.context not in contexts:
            contexts = {question.context: split_texts(source, [question.context])[0]}
        pieces = split_texts(source, [question.text])[0]
        yield from _of_question(number, question, (pieces, contexts[question.context]), frame, options)


def _of_question(
    number: int, question: Question, texts: tuple[Pieces, Pieces], frame: Frame, options: WindowOptions
) -> Iterator[Window]:
    words, context = texts
    query = words.ids[: options.query_length]
    room = options.length - len(frame) - len(query)
    spans = np.array(context.spans, np.int64).reshape(-1, 2)
    places = window_places(len(context), room, options.stride)
    centers = most_central(len(context), places)
    touched = _touched(question.training_answer, spans)
    for at, (start, end) in enumerate(places):
        ids, types = frame.inputs(query, context.ids[start:end])
        context_at = len(frame.before) + len(query) + len(frame.between)
        label = NO_ANSWER
        if touched is not None and start <= touched[0] and touched[1] < end:
            label = context_at + touched[0] - start, context_at + touched[1] - start
        yield Window(number, ids, types, context_at, spans[start:end], centers[start:end] == at, label)


def window_places(count: int, room: int, stride: int) -> list[tuple[int, int]]:
    """First token and the one after the last of each window over `count` tokens, with `room` for each."""
    places = [(0, min(room, count))]
    while places[-1][1] < count:
        start = places[-1][0] + min(room, stride)
        places.append((start, min(start + room, count)))
    return places


def most_central(count: int, places: Sequence[tuple[int, int]]) -> np.ndarray:
    """By token, the first window in which it has most tokens around it, and, if equal, that is the longest, [T].

    As in the original: the lesser of the numbers of tokens on its left and right, and a hundredth of the length.
    """
    scores = np.full((len(places), count), -np.inf)
    for number, (start, end) in enumerate(places):
        token = np.arange(start, end)
        scores[number, start:end] = np.minimum(token - start, end - 1 - token) + 0.01 * (end - start)
    return np.asarray(scores.argmax(axis=0))


def _touched(answer: Answer | None, spans: np.ndarray) -> tuple[int, int] | None:
    """The first and the last token that have a character of an answer; None if it has none that is in a token."""
    if answer is None:
        return None
    touched = np.flatnonzero((spans[:, 1] > answer.start) & (spans[:, 0] < answer.end))
    return (int(touched[0]), int(touched[-1])) if len(touched) else None
