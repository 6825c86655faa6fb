import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close

from bertferry.modeling.losses import (
    weighted_sparse_categorical_crossentropy_loss as loss,
)
from bertferry.modeling.losses import (
    weighted_sparse_categorical_crossentropy_per_example_loss as per_example_loss,
)

LOG_PROBABILITIES = np.array(
    [[-1.6094601e-03, -1.0966038e01, -6.4434357e00], [-1.6975292e-03, -6.4009643e00, -1.0226612e01]], np.float32
)
LABELS = np.array([2, 1])


@pytest.mark.parametrize("kind", [np.asarray, tf.convert_to_tensor], ids=["numpy", "tensor"])
class TestReferenceValues:
    def test_per_example(self, kind):
        got = per_example_loss(kind(LABELS), kind(LOG_PROBABILITIES))
        np.testing.assert_array_equal(got, np.array([6.4434357, 6.4009643], np.float32))

    def test_mean(self, kind):
        assert_close(loss(kind(LABELS), kind(LOG_PROBABILITIES)), 6.4222)

    def test_weights(self, kind):
        weights = kind(np.array([2.0, 0.5], np.float32))
        expected = np.array([6.4434357 * 2, 6.4009643 * 0.5])
        assert_close(per_example_loss(kind(LABELS), kind(LOG_PROBABILITIES), weights), expected)
        got = loss(kind(LABELS), kind(LOG_PROBABILITIES), weights)
        assert_close(got, expected.sum() / (2.5 + 1e-5))

    def test_a_superfluous_axis_is_squeezed(self, kind):
        got = loss(kind(LABELS[:, None]), kind(LOG_PROBABILITIES), kind(np.ones(2, np.float32)))
        assert_close(got, loss(kind(LABELS), kind(LOG_PROBABILITIES)))


def test_predictions_of_a_whole_sequence():
    rng = np.random.default_rng(0)
    predictions, labels = rng.normal(size=(2, 3, 5)).astype(np.float32), rng.integers(0, 5, (2, 3))
    expected = -np.take_along_axis(predictions, labels[..., None], axis=-1)[..., 0]
    np.testing.assert_array_equal(per_example_loss(labels, predictions), expected)


def test_all_weights_zero_gives_zero():
    assert loss(LABELS, LOG_PROBABILITIES, np.zeros(2, np.float32)).numpy() == 0


def test_gradients_reach_the_predictions():
    predictions = tf.constant(LOG_PROBABILITIES)
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        value = loss(LABELS, predictions, np.array([1.0, 3.0], np.float32))
    gradient = tape.gradient(value, predictions)
    assert_close(gradient, [[0, 0, -0.25], [0, -0.75, 0]])


@pytest.mark.parametrize(
    ("labels", "weights", "message"),
    [
        (LABELS, np.ones((2, 3), np.float32), "weights and labels must be of the same rank"),
        (LABELS, np.float32(1), "of the same rank"),
        (
            np.ones((2, 3), np.int32),
            None,
            "labels and predictions without their last axis must be of the same rank",
        ),
        (np.int32(1), None, "of the same rank"),
    ],
)
def test_ranks_that_do_not_go_together(labels, weights, message):
    with pytest.raises(RuntimeError, match=message):
        per_example_loss(labels, LOG_PROBABILITIES, weights)
    with pytest.raises(RuntimeError, match=message):
        loss(labels, LOG_PROBABILITIES, weights)
