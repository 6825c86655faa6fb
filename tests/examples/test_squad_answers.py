"""The answers to questions are the best spans of all their windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from squad.answers import AnswerOptions, group, predict
from squad.questions import Question
from squad.windows import Window, most_central, window_places

from bertferry.core.errors import BertferryError

CONTEXT = " ".join(f"w{number}" for number in range(12))
QUESTION = Question("1", "?", CONTEXT, ())
AT = 3
"""Where contexts begin in the windows here."""


def windows(count, room, stride):
    spans: list[tuple[int, int]] = []
    for number in range(count):
        begin = spans[-1][1] + 1 if spans else 0
        spans.append((begin, begin + len(f"w{number}")))
    places = window_places(count, room, stride)
    centers = most_central(count, places)
    for number, (start, end) in enumerate(places):
        zeros = np.zeros(AT + end - start + 1, np.int32)
        yield Window(0, zeros, zeros, AT, np.array(spans[start:end]), centers[start:end] == number, (0, 0))


def brute_force(scored, longest):
    """The best score of every text that is a span."""
    best: dict[str, float] = {}
    for window, (start, end) in scored:
        for first in range(len(window.spans)):
            for last in range(first, min(first + longest, len(window.spans))):
                if window.central[first]:
                    text = CONTEXT[window.spans[first, 0] : window.spans[last, 1]]
                    value = float(start[AT + first]) + float(end[AT + last])
                    best[text] = max(value, best.get(text, -np.inf))
    return best


@settings(max_examples=60)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 6), st.integers(1, 5), st.integers(0, 10**6))
def test_the_listed_spans_are_the_best_of_all(count, room, stride, longest, seed):
    rng = np.random.default_rng(seed)
    scored = [
        (one, (rng.normal(size=len(one.ids) + 2), rng.normal(size=len(one.ids) + 2)))
        for one in windows(count, room, stride)
    ]
    found = predict(QUESTION, scored, AnswerOptions(n_best=5, max_length=longest))
    ranked = sorted(brute_force(scored, longest).items(), key=lambda item: -item[1])[:5]
    assert [(span.text, span.score) for span in found.best] == ranked
    assert found.answer == ranked[0][0]
    null = min(float(start[0]) + float(end[0]) for _, (start, end) in scored)
    assert found.null_odds == null - ranked[0][1]
    assert sum(float(entry["probability"]) for entry in found.entries()) == pytest.approx(1)


@pytest.mark.parametrize(("threshold", "answer"), [(0.0, ""), (1.5, ""), (2.5, "w1 w2")])
def test_no_answer_wins_if_it_exceeds_the_threshold(threshold, answer):
    (window,) = windows(5, 5, 5)
    start, end = np.zeros(len(window.ids)), np.zeros(len(window.ids))
    start[AT + 1] = end[AT + 2] = 4.0
    start[0] = end[0] = 5.0
    options = AnswerOptions(negative=True, threshold=threshold)
    found = predict(QUESTION, [(window, (start, end))], options)
    assert (found.answer, found.null_odds) == (answer, 2.0)
    assert [span.text for span in found.best[:2]] == ["", "w1 w2"]


def test_windows_of_one_question_come_together():
    first, second = list(windows(5, 5, 5)) * 2
    second = Window(1, second.ids, second.types, AT, second.spans, second.central, (0, 0))
    scores = (np.zeros(9), np.zeros(9))
    assert [len(own) for own in group([first, first, second], [scores] * 3)] == [2, 1]


@pytest.mark.parametrize(("options", "flag"), [((0,), "--n-best-size"), ((20, 0), "--max-answer-length")])
def test_numbers_without_an_answer_are_refused(options, flag):
    with pytest.raises(BertferryError, match=flag):
        AnswerOptions(*options)
