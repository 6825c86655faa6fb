import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from closeness import assert_close

from bertferry.core.config import EncoderConfig
from bertferry.modeling.builders import (
    classifier_model,
    pretrain_model,
    squad_model,
    task_model,
    token_classifier_model,
)
from bertferry.modeling.networks import TransformerEncoder

CONFIG = EncoderConfig(30, 16, 2, 2, 32, 16, 3, "gelu_tanh")
EXAMPLES, LENGTH, PREDICTIONS = 64, 8, 2
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def fixed_seed():
    """What a network learns in so few steps depends on its initial values."""
    tf_keras.utils.set_random_seed(1)
    yield
    tf.random.set_seed(None)


def toy_inputs():
    ids = RNG.integers(1, 30, (EXAMPLES, LENGTH), np.int32)
    return [ids, np.ones_like(ids), np.zeros_like(ids)]


def fit(model, inputs, labels, epochs=40):
    """The loss before and after training."""
    before = model.evaluate(inputs, labels, verbose=0, batch_size=EXAMPLES)
    model.fit(inputs, labels, epochs=epochs, batch_size=16, verbose=0)
    return before, model.evaluate(inputs, labels, verbose=0, batch_size=EXAMPLES)


def test_classifier_model_learns():
    model, core = classifier_model(CONFIG, num_labels=2, max_seq_length=LENGTH)
    assert isinstance(core, TransformerEncoder)
    inputs = toy_inputs()
    cross_entropy = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.legacy.Adam(3e-3), loss=cross_entropy)
    before, after = fit(model, inputs, (inputs[0][:, 1] > 15).astype(np.int32), epochs=60)
    assert after < before / 2


def test_token_classifier_model_learns():
    model, core = token_classifier_model(CONFIG, num_labels=3, max_seq_length=LENGTH)
    assert isinstance(core, TransformerEncoder)
    inputs = toy_inputs()
    cross_entropy = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.legacy.Adam(3e-3), loss=cross_entropy)
    before, after = fit(model, inputs, inputs[0] // 10, epochs=20)
    assert after < before / 2


def test_squad_model_halves_its_loss():
    model, core = squad_model(CONFIG, max_seq_length=LENGTH)
    assert isinstance(core, TransformerEncoder)
    inputs = toy_inputs()
    inputs[0][inputs[0] >= 28] = 1
    start, end = RNG.integers(0, LENGTH // 2, EXAMPLES), RNG.integers(LENGTH // 2, LENGTH, EXAMPLES)
    inputs[0][np.arange(EXAMPLES), start] = 28
    inputs[0][np.arange(EXAMPLES), end] = 29
    cross_entropy = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        tf_keras.optimizers.legacy.Adam(3e-3),
        loss={"start_positions": cross_entropy, "end_positions": cross_entropy},
    )
    before, after = fit(model, inputs, {"start_positions": start, "end_positions": end})
    assert after[0] < before[0] / 2


def test_pretrain_model_halves_its_loss_and_reports_its_four_metrics():
    model, core = pretrain_model(CONFIG, seq_length=LENGTH, max_predictions_per_seq=PREDICTIONS)
    assert isinstance(core, TransformerEncoder)
    ids, mask, segments = toy_inputs()
    positions = np.tile(np.array([[1, 3]], np.int32), (EXAMPLES, 1))
    batch = {
        "input_word_ids": ids,
        "input_mask": mask,
        "input_type_ids": segments,
        "masked_lm_positions": positions,
        "masked_lm_ids": np.take_along_axis(ids, positions, axis=1),
        "masked_lm_weights": np.ones((EXAMPLES, PREDICTIONS), np.float32),
        "next_sentence_labels": (ids[:, :1] > 15).astype(np.int32),
    }
    assert {tensor.name for tensor in model.inputs} == set(batch)
    model.compile(tf_keras.optimizers.legacy.Adam(5e-3), loss=lambda _, total: tf.reduce_mean(total))
    before, after = fit(model, batch, np.zeros(EXAMPLES), epochs=60)
    measured = dict(zip(model.metrics_names, after, strict=True))
    assert set(measured) == {
        "loss",
        "masked_lm_accuracy",
        "lm_example_loss",
        "next_sentence_accuracy",
        "next_sentence_mean_loss",
    }
    assert measured["loss"] < before[0] / 2
    parts = measured["lm_example_loss"] + measured["next_sentence_mean_loss"]
    assert_close(np.float32(measured["loss"]), parts)
    assert measured["masked_lm_accuracy"] > 0.5
    assert measured["next_sentence_accuracy"] > 0.5


def test_weights_of_masked_words_count():
    model, _ = pretrain_model(CONFIG, LENGTH, PREDICTIONS)
    ids, mask, segments = (array[:1] for array in toy_inputs())
    batch = {
        "input_word_ids": ids,
        "input_mask": mask,
        "input_type_ids": segments,
        "masked_lm_positions": np.array([[1, 3]]),
        "masked_lm_ids": np.array([[4, 5]]),
        "masked_lm_weights": np.array([[1.0, 0.0]], np.float32),
        "next_sentence_labels": np.array([[0]]),
    }
    unweighted = model(batch).numpy()
    other_id = {**batch, "masked_lm_ids": np.array([[4, 9]])}
    np.testing.assert_array_equal(model(other_id), unweighted)
    assert unweighted.shape == (1,)


def test_task_model_refuses_what_it_cannot_build():
    with pytest.raises(ValueError, match="needs num_classes"):
        task_model(CONFIG, "classifier")
    with pytest.raises(ValueError, match="unknown task"):
        task_model(CONFIG, "translation")
