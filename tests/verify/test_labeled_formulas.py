"""The metrics of tasks, against their definitions, cases by hand, and scikit-learn and SciPy if they are there."""

import math
from fractions import Fraction

import numpy as np
import pytest
from closeness import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from bertferry.verify.labeled.entities import entity_f1, find_entities, name_entities
from bertferry.verify.labeled.formulas import (
    accuracy,
    average_ranks,
    class_f1,
    confidences,
    macro_f1,
    mcnemar,
    row_cosines,
    spearman,
)

CLASSES = st.integers(0, 3)
DECIDED = st.lists(st.tuples(CLASSES, CLASSES), min_size=1, max_size=40)
FLOATS = st.floats(-100, 100, width=16)


def columns(pairs):
    return tuple(np.array(column) for column in zip(*pairs, strict=True))


@settings(max_examples=50)
@given(DECIDED)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(pairs):
    labels, decisions = columns(pairs)
    each = {}
    for number in {*labels.tolist(), *decisions.tolist()}:
        right = sum(pair == (number, number) for pair in pairs)
        decided, labeled = (sum(pair[place] == number for pair in pairs) for place in (1, 0))
        precision, recall = (Fraction(right, count) if count else Fraction(0) for count in (decided, labeled))
        each[number] = 2 * precision * recall / (precision + recall) if right else Fraction(0)
        assert class_f1(labels, decisions, number) == float(each[number])
    assert_close(np.float64(macro_f1(labels, decisions)), float(sum(each.values()) / len(each)))
    assert accuracy(labels, decisions) == float(Fraction(sum(a == b for a, b in pairs), len(pairs)))


def test_a_class_that_is_only_decided_counts_as_a_class():
    labels, decisions = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    assert class_f1(labels, decisions, 2) == 0
    assert_close(np.float64(macro_f1(labels, decisions)), (2 / 3 + 1 + 0) / 3)


@settings(max_examples=50)
@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=2, max_size=30))
def test_ranks_alone_decide_a_rank_correlation(pairs):
    first, second = columns(pairs)
    value = spearman(first, second)
    assert_close(np.float64(spearman(second, first)), value)
    assert spearman(first, second * 8) == value
    if len(set(first)) > 1:
        assert spearman(first, first**3) == 1.0 or len(set(first**3)) < len(set(first))
        assert_close(np.float64(spearman(first, -first)), -1.0)
    if len(set(first)) == len(first) and len(set(second)) == len(second):
        distances = average_ranks(first) - average_ranks(second)
        count = len(first)
        assert_close(np.float64(value), 1 - 6 * float(distances @ distances) / (count * (count**2 - 1)))


def test_equal_values_share_their_rank_and_equal_scores_order_nothing():
    assert average_ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]
    assert spearman(np.array([1.0, 2.0, 3.0]), np.array([5.0, 5.0, 5.0])) == 0


@settings(max_examples=50)
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_sums_the_binomial_distribution(lost, gained):
    count = lost + gained
    tail = sum(Fraction(math.comb(count, number), 2**count) for number in range(min(lost, gained) + 1))
    assert mcnemar(lost, gained) == mcnemar(gained, lost) == float(min(Fraction(1), 2 * tail))


def test_mcnemar_by_hand():
    assert (mcnemar(0, 0), mcnemar(1, 1), mcnemar(0, 5), mcnemar(10, 0)) == (1, 1, 0.0625, 2 / 1024)
    assert 0 < mcnemar(4000, 6000) < 1e-80  # of more decisions than a float can count


def test_confidence_is_the_softmax_of_the_likeliest_class():
    assert confidences(np.array([[0.0, 0.0], [0.0, 1000.0], [-1e6, -1e6]])).tolist() == [0.5, 1.0, 0.5]
    assert_close(confidences(np.log([[1.0, 2.0, 5.0]])), [5 / 8])


def test_rows_of_zeros_are_like_nothing():
    rows = np.array([[1.0, 0.0], [0.0, 0.0], [3.0, 4.0]])
    assert_close(row_cosines(rows, np.array([[2.0, 0.0], [1.0, 1.0], [4.0, -3.0]])), [1.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("names", "entities"),
    [
        ("O O", set()),
        ("B-PER I-PER O B-LOC", {("PER", 0, 2), ("LOC", 3, 4)}),
        ("B-PER B-PER I-PER", {("PER", 0, 1), ("PER", 1, 3)}),
        ("I-PER I-PER O", {("PER", 0, 2)}),
        ("B-PER I-LOC", {("PER", 0, 1), ("LOC", 1, 2)}),
    ],
)
def test_entities_as_conlleval_finds_them(names, entities):
    assert find_entities(names.split()) == entities


def test_an_entity_is_right_if_all_of_it_is():
    labels = [["B-PER", "I-PER", "O"], ["B-LOC"]]
    assert entity_f1(labels, [["B-PER", "O", "O"], ["B-LOC"]]) == 0.5
    assert entity_f1(labels, labels) == 1
    assert entity_f1([["O"]], [["O"]]) == 0
    assert name_entities(["O", "B-PER", "I-PER"])
    assert not any(name_entities(names) for names in (["O"], ["NOUN", "VERB"], ["B-", "O"], []))


def test_scikit_learn_and_scipy_compute_the_same():
    metrics, stats = pytest.importorskip("sklearn.metrics"), pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    labels, decisions = rng.integers(0, 4, (2, 500))
    assert_close(np.float64(macro_f1(labels, decisions)), metrics.f1_score(labels, decisions, average="macro"))
    assert class_f1(labels % 2, decisions % 2, 1) == metrics.f1_score(labels % 2, decisions % 2)
    scores = rng.integers(0, 20, (2, 500))
    assert_close(np.float64(spearman(*scores)), stats.spearmanr(*scores).statistic)
    assert_close(np.float64(mcnemar(13, 29)), stats.binomtest(13, 42).pvalue)
