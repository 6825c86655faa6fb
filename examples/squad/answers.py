"""Answers from the scores of windows: the best spans of a question, as in run_squad.py of 2018.

Texts are cut out of the context between the characters of their tokens, where the original aligned words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bertferry.core.errors import UsageError
from squad.questions import Question
from squad.windows import Window


@dataclass(frozen=True)
class AnswerOptions:
    """Which spans are answers.

    Attributes:
      n_best: how many are kept for a question.
      max_length: tokens of the longest.
      negative: whether a question may have none, as in SQuAD 2.0.
      threshold: it has none if that is scored by more than this above the best span.
    """

    n_best: int = 20
    max_length: int = 30
    negative: bool = False
    threshold: float = 0.0

    def __post_init__(self) -> None:
        """Refuses numbers with which there is no answer.

        Raises:
          UsageError: naming the flag.
        """
        for flag, value in (("n-best-size", self.n_best), ("max-answer-length", self.max_length)):
            if value < 1:
                raise UsageError(f"--{flag} is {value}: it must be at least 1")


@dataclass(frozen=True)
class Span:
    """A possible answer; '' is none."""

    text: str
    start: float
    end: float

    @property
    def score(self) -> float:
        """The sum of the scores of its first and last token."""
        return self.start + self.end


@dataclass(frozen=True)
class Prediction:
    """The answer to a question, all that were considered, and by how much no answer exceeds the best span."""

    answer: str
    best: tuple[Span, ...]
    null_odds: float

    def entries(self) -> list[dict[str, str | float]]:
        """The spans as nbest_predictions.json lists them, with their probabilities among each other."""
        scores = np.array([span.score for span in self.best], np.float64)
        weights = np.exp(scores - scores.max())
        return [
            {"text": span.text, "probability": float(share), "start_logit": span.start, "end_logit": span.end}
            for span, share in zip(self.best, weights / weights.sum(), strict=True)
        ]


EQUAL_TEXTS = 10
"""How many times as many spans are considered in a window as are kept, because equal texts count once."""
Scores = tuple[np.ndarray, np.ndarray]
"""Of a window's positions as first and as last token of the answer, each [S]."""


def predict(question: Question, windows: Iterable[tuple[Window, Scores]], options: AnswerOptions) -> Prediction:
    """The answer to a question from the scores of its windows."""
    spans: list[tuple[Span, int, int]] = []
    nulls: list[Span] = []
    for window, (start, end) in windows:
        spans += _spans(window, start, end, options)
        nulls.append(Span("", float(start[0]), float(end[0])))
    null = min(nulls, key=lambda span: span.score)
    best: list[Span] = []
    seen: set[str] = set()
    for span, begin, after in sorted(spans, key=lambda item: -item[0].score):
        text = question.context[begin:after].strip()
        if text and text not in seen and len(best) < options.n_best:
            seen.add(text)
            best.append(Span(text, span.start, span.end))
    null_odds = null.score - best[0].score if best else 0.0  # its context has no tokens
    answer = best[0].text if best else ""
    if options.negative:
        best = sorted([*best, null], key=lambda span: -span.score)
        answer = "" if null_odds > options.threshold else answer
    return Prediction(answer, tuple(best or [null]), null_odds)


def _spans(
    window: Window, start: np.ndarray, end: np.ndarray, options: AnswerOptions
) -> list[tuple[Span, int, int]]:
    """The best spans of a window with their first character and the one after their last.

    Of all spans, where the original tried the best first and last tokens only.
    """
    count, at = len(window.spans), window.context_at
    start, end = start[at : at + count], end[at : at + count]
    longest = min(options.max_length, count)
    last = np.arange(count)[:, None] + np.arange(longest)  # [T, L]
    allowed = (last < count) & window.central[:, None]
    last = np.minimum(last, count - 1)
    scores = np.where(allowed, start[:, None] + end[last], -np.inf)
    found = []
    for place in np.argsort(-scores, axis=None, kind="stable")[: EQUAL_TEXTS * options.n_best]:
        first, length = divmod(int(place), longest)
        if allowed[first, length]:
            closing = first + length
            begin, after = int(window.spans[first, 0]), int(window.spans[closing, 1])
            found.append((Span("", float(start[first]), float(end[closing])), begin, after))
    return found


def group(windows: Sequence[Window], scores: Sequence[Scores]) -> list[list[tuple[Window, Scores]]]:
    """Windows and their scores by question."""
    grouped: list[list[tuple[Window, Scores]]] = []
    for window, pair in zip(windows, scores, strict=True):
        if window.question == len(grouped):
            grouped.append([])
        grouped[-1].append((window, pair))
    return grouped
