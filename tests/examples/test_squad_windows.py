"""Contexts are cut into windows that lose nothing, and the tokens of answers are found in them."""

import numpy as np
import pytest
from conftest import FIXTURES
from hypothesis import given, settings
from hypothesis import strategies as st
from pieces import frame_of, split_texts, tokenizer_of
from squad.questions import Answer, Question
from squad.windows import NO_ANSWER, WindowOptions, make_windows, most_central, window_places

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.core.errors import BertferryError

pytest.importorskip("tokenizers", reason="pip install 'bertferry[text]'")
WORDS = (
    "The",
    "movie",
    "good",
    "für",
    "naïve",
    "schön",
    "中文",
    "한국어",
    "is",
    "good.",
    "über!",
    "wortx",
    "z",
    "\n",
)
contexts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=60).map(" ".join).filter(str.strip)


@pytest.fixture(scope="module")
def source():
    checkpoint = open_checkpoint(FIXTURES / "texts", SourceOptions(do_lower_case=True))
    return tokenizer_of(checkpoint, "this test")


@given(st.integers(0, 300), st.integers(1, 80), st.integers(1, 100))
def test_windows_cover_every_token_and_begin_a_stride_apart(count, room, stride):
    places = window_places(count, room, stride)
    covered = {token for start, end in places for token in range(start, end)}
    assert covered == set(range(count))
    assert all(0 < end - start <= room for start, end in places) or count == 0
    steps = np.diff([start for start, _ in places])
    assert (steps == min(stride, room)).all()
    assert all(end < count for _, end in places[:-1])


@given(st.integers(1, 200), st.integers(1, 60), st.integers(1, 60))
def test_a_token_is_central_in_one_window_that_has_it(count, room, stride):
    places = window_places(count, room, stride)
    for token, number in enumerate(most_central(count, places)):
        around = [min(token - start, end - 1 - token) for start, end in places if start <= token < end]
        start, end = places[number]
        assert start <= token < end
        assert min(token - start, end - 1 - token) >= max(around) - 0.01 * room


@settings(max_examples=60)
@given(contexts, st.data(), st.integers(20, 64), st.integers(1, 40))
def test_the_tokens_of_an_answer_are_marked_where_all_of_them_are(source, context, data, length, stride):
    start = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(start + 1, len(context)))
    text = context[start:end]
    question = Question("1", "is it good ?", context, (Answer(text, start),))
    windows = list(make_windows(source, [question], WindowOptions(length, stride, 5)))
    tokens = [(one, two) for one, two in split_texts(source, [context])[0].spans if two > start and one < end]
    marked = [one for one in windows if one.label != NO_ANSWER]
    if not text.strip() or not tokens:
        assert not marked
    for window in marked:
        first, last = (place - window.context_at for place in window.label)
        assert window.spans[first : last + 1].tolist() == [list(span) for span in tokens]
    fits = [
        one
        for one in windows
        if text.strip() and tokens and {tuple(span) for span in one.spans.tolist()} >= set(tokens)
    ]
    assert len(marked) == len(fits)


def test_a_window_is_the_frame_around_question_and_context(source):
    question = Question("1", "is it good ?", "The movie is naïve .", (Answer("naïve", 13),))
    (window,) = make_windows(source, [question], WindowOptions(32, 8, 3))
    both = source.inputs(["is it"], 32, seconds=[question.context])  # three tokens of the question
    assert window.ids.tolist() == both["input_word_ids"][0].tolist()
    assert window.types.tolist() == both["input_type_ids"][0].tolist()
    assert window.label == (window.context_at + 3, window.context_at + 3)
    assert window.central.all()


def test_questions_are_in_their_order_with_windows_of_their_own(source):
    questions = [Question(str(number), "z", "good " * 40, ()) for number in range(3)]
    windows = list(make_windows(source, questions, WindowOptions(24, 10, 8)))
    assert [one.question for one in windows] == sorted([0, 1, 2] * (len(windows) // 3))
    assert all(len(one.ids) <= 24 for one in windows)


@pytest.mark.parametrize(
    ("options", "flag"),
    [((384, 0), "--doc-stride"), ((384, 128, 0), "--max-query-length"), ((20, 8, 17), "no room")],
)
def test_lengths_that_leave_no_room_are_refused(options, flag):
    with pytest.raises(BertferryError, match=flag):
        WindowOptions(*options)


def test_the_frame_of_one_text_and_of_two(source):
    ids = source.tokenizer.ids
    assert frame_of(source).inputs([7], [8, 9])[0].tolist() == [ids["cls"], 7, ids["sep"], 8, 9, ids["sep"]]
    one = frame_of(source, pair=False)
    assert [part.tolist() for part in one.inputs([7], [])] == [[ids["cls"], 7, ids["sep"]], [0, 0, 0]]
