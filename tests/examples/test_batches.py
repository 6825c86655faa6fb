"""Batches: every example once an epoch, similar lengths, a pure function of seed and step."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from training.batches import BatchOrder, in_order

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=300)


@given(LENGTHS, st.integers(1, 40), st.integers(0, 5), st.integers(0, 3))
def test_every_epoch_has_every_example_once(lengths, size, seed, epoch):
    order = BatchOrder(lengths, size, seed)
    first = epoch * order.steps_per_epoch
    batches = [order.at(first + step) for step in range(order.steps_per_epoch)]
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert sorted(map(len, batches), reverse=True)[:-1] == [size] * (len(batches) - 1)


@given(LENGTHS, st.integers(1, 40), st.integers(0, 200))
def test_a_batch_depends_on_its_step_alone(lengths, size, step):
    before = BatchOrder(lengths, size, 7)
    for earlier in range(0, step, 3):
        before.at(earlier)
    assert before.at(step).tolist() == BatchOrder(lengths, size, 7).at(step).tolist()


def test_epochs_and_seeds_have_other_batches():
    order = BatchOrder(range(100), 10, 0)
    first, second = ([order.at(step).tolist() for step in range(start, start + 10)] for start in (0, 10))
    assert sorted(first) != sorted(second)
    assert first != [BatchOrder(range(100), 10, 1).at(step).tolist() for step in range(10)]


def test_texts_of_similar_length_are_together():
    lengths = np.random.default_rng(0).integers(5, 60, 3000)
    order = BatchOrder(lengths, 32, 0)
    padded = sum(len(batch) * lengths[batch].max() for batch in map(order.at, range(order.steps_per_epoch)))
    assert padded < 1.05 * lengths.sum()


def test_evaluation_begins_with_the_longest():
    assert [batch.tolist() for batch in in_order([1, 3, 2, 3], 3)] == [[1, 3, 2], [0]]
