"""Exact match and F1 as SQuAD's official scripts compute them.

The expected values were computed by `squad_evaluate` of transformers 4.57.6 (SQuAD 2.0) and by the metric `squad`
of torchmetrics 1.9.0 (1.1).
"""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from squad.metrics import best_threshold, evaluate, f1, normalize, score
from squad.questions import Answer, Question

WORDS = ("the", "A", "cat", "Cat's", "dog,", "1843", "U.S.", "—", "New-York", "!", "anthem", "an")
texts = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)


def question(name, *answers):
    return Question(name, "?", "context", tuple(Answer(text, 0) for text in answers), not answers)


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("The Cat's  hat!", "cats hat"),
        ("an anthem, a theme", "anthem theme"),
        ("U.S.\tA.", "us"),  # the article is what is left of A.
        ("naïve — über", "naïve — über"),  # only ASCII punctuation
        ("the", ""),
    ],
)
def test_articles_and_punctuation_do_not_count(text, normalized):
    assert normalize(text) == normalized


QUESTIONS = [
    question("1", "a tidal clock", "the clock"),
    question("2", "Lima"),
    question("3"),
    question("4"),
    question("5", "1843", "in 1843"),
    question("6", "the Royal Society"),
]
ANSWERS = {"1": "the tidal clock of iron", "2": "lima.", "3": "", "4": "Kyoto", "5": "", "6": "Royal Harbor Board"}
ODDS = {"1": -3.0, "2": -2.5, "3": 1.0, "4": -0.5, "5": 2.0, "6": -1.0}


def test_scores_of_version_2_are_those_of_the_official_script():
    found = evaluate(QUESTIONS, ANSWERS, ODDS)
    expected = {
        "exact": 33.333333333333336,
        "f1": 51.11111111111111,
        "total": 6,
        "HasAns_exact": 25.0,
        "HasAns_f1": 51.666666666666664,
        "HasAns_total": 4,
        "NoAns_exact": 50.0,
        "NoAns_f1": 50.0,
        "NoAns_total": 2,
        "best_exact": 50.0,
        "best_exact_thresh": -2.5,
        "best_f1": 67.77777777777777,
        "best_f1_thresh": -1.0,
    }
    assert found == pytest.approx(expected)


def test_scores_of_version_1_are_those_of_the_official_script():
    answered = [one for one in QUESTIONS if one.answers]
    expected = {"exact_match": 25.0, "f1": 51.666666666666664, "total": 4}
    assert evaluate(answered, ANSWERS) == pytest.approx(expected)


def test_a_question_without_an_answer_in_the_file_is_wrong():
    assert evaluate([question("1", "the"), question("2", "a")], {"2": "an"}) == {
        "exact_match": 50.0,
        "f1": 0.0,  # of version 1.1: no words in common
        "total": 2,
    }


@given(texts, texts, st.booleans())
def test_f1_is_symmetric_and_1_for_equal_words(one, other, negative):
    value = f1(one, other, negative=negative)
    assert value == f1(other, one, negative=negative)
    assert 0 <= value <= 1
    equal = sorted(normalize(one).split()) == sorted(normalize(other).split())
    has_words = bool(normalize(one))
    assert (value == 1) == (equal and (has_words or negative))


@given(texts, st.lists(texts, min_size=1, max_size=3), st.booleans())
def test_the_best_true_answer_counts(answer, truths, negative):
    several = score(question("1", *truths), answer, negative=negative)
    each = [score(question("1", truth), answer, negative=negative) for truth in truths if normalize(truth)]
    if len(each) == len(truths):
        assert several == tuple(max(values) for values in zip(*each, strict=True))


@given(st.integers(0, 10**6), st.integers(1, 9))
def test_no_threshold_is_better_than_the_best(seed, count):
    chance = random.Random(seed)
    questions = [question(str(number), *["cat"] * chance.randint(0, 1)) for number in range(count)]
    answers = {one.id: chance.choice(["cat", "dog", ""]) for one in questions}
    odds = {one.id: chance.uniform(-3, 3) for one in questions}
    scores = {one.id: score(one, answers[one.id], negative=True)[0] for one in questions}

    def at(threshold):
        kept = {one.id: answers[one.id] if odds[one.id] <= threshold else "" for one in questions}
        return 100 * sum(score(one, kept[one.id], negative=True)[0] for one in questions) / count

    best, threshold = best_threshold(questions, scores, answers, odds)
    thresholds = [min(odds.values()) - 1, *odds.values()]
    assert best == pytest.approx(max(map(at, thresholds)))
    assert threshold in (0, *odds.values())
