"""The networks of BERT's family: the same classes with switches, built, trained and saved like BERT's."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from closeness import assert_close
from family import CONFIGS

from bertferry.core.parameters import axis_sizes, canonical_axes, task_parameters
from bertferry.core.relative_positions import BUCKETS
from bertferry.core.tasks import task_spec
from bertferry.modeling.builders import classifier_model, encoder_from_config, squad_model, task_model
from bertferry.modeling.layers import CountedPositionEmbedding, Pooler, RelativePositionBias
from bertferry.modeling.variables import named_variables

SAVED = {
    "albert": "encoder",
    "electra": "classifier",
    "roberta": "encoder",
    "mpnet": "mlm",
    "distilbert": "tokens",
}
"""Architectures with all switches among them, and the task of the network that is saved."""


@pytest.fixture
def make(fill):
    """A task's network of an architecture with random weights."""
    return lambda name, task="encoder", **options: fill(task_model(CONFIGS[name], task, 3, **options))


@pytest.fixture
def inputs(arrays):
    """The encoder's three inputs, with one segment; the second text has the id of padding inside."""
    ids = arrays["input_word_ids"].copy()
    ids[1, 2] = 1
    return [ids, arrays["input_mask"], np.zeros_like(ids)]


def inputs_of(model, inputs):
    return [*inputs, np.array([[0, 2], [3, 1]], np.int32)][: len(model.inputs)]


def assert_equal(got, want):
    for actual, expected in zip(tf.nest.flatten(got), tf.nest.flatten(want), strict=True):
        assert_close(actual, expected)


@pytest.mark.parametrize("task", ["encoder", "mlm", "classifier"])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_network_has_exactly_the_canonical_parameters(name, task):
    config = CONFIGS[name]
    model = task_model(config, task, num_classes=3)
    variables = named_variables(model)
    pooler = task == "classifier" or (task == "encoder" and config.switches.has_pooler)
    assert tuple(variables) == task_parameters(task_spec(task, pooler=pooler), config)
    sizes = axis_sizes(config) | {"classes": 3}
    for parameter, variable in variables.items():
        assert tuple(variable.shape) == tuple(sizes[axis] for axis in canonical_axes(parameter).split())
    assert {id(variable) for variable in variables.values()} == {id(variable) for variable in model.variables}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_network_rebuilds_from_its_configuration(make, inputs, name):
    model = make(name)
    again = type(model).from_config(json.loads(json.dumps(model.get_config())))
    assert [(v.name, v.shape) for v in again.variables] == [(v.name, v.shape) for v in model.variables]
    again.set_weights(model.get_weights())
    assert again.get_config() == model.get_config()
    for got, want in zip(tf.nest.flatten(again(inputs)), tf.nest.flatten(model(inputs)), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(("name", "task"), SAVED.items())
def test_files_of_keras_hold_the_network(tmp_path, make, inputs, name, task):
    model, other = make(name, task), task_model(CONFIGS[name], task, 3)
    given = inputs_of(model, inputs)
    want = model(given)
    model.save(tmp_path / "model.keras")
    assert_equal(tf_keras.models.load_model(tmp_path / "model.keras")(given), want)
    model.save_weights(tmp_path / "weights.h5")
    other.load_weights(tmp_path / "weights.h5")
    assert_equal(other(given), want)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "task"), SAVED.items())
def test_a_saved_model_computes_the_same(tmp_path, make, inputs, name, task):
    model = make(name, task)
    given = inputs_of(model, inputs)
    tf.saved_model.save(model, str(tmp_path / "saved"))
    assert_equal(tf.saved_model.load(str(tmp_path / "saved"))(given, training=False), model(given))


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_half_precision_computes_about_the_same(make, inputs, name):
    """With a classifier: its pooler may have an activation of its own."""
    network, narrow = (make(name, "classifier", float_dtype=dtype).layers[3] for dtype in ("float32", "float16"))
    for got, want in zip(narrow(inputs), network(inputs), strict=True):
        assert got.dtype == tf.float16
        assert_close(tf.cast(got, tf.float32), want, "fp16")


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_a_fine_tuned_classifier_learns(inputs, name):
    """Every weight has a gradient, that of a shared block from all of its layers."""
    tf_keras.utils.set_random_seed(0)
    model, _ = classifier_model(CONFIGS[name], 2, 7)
    losses = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.Adam(0.02), losses)
    labels = np.array([0, 1])
    before = {name: variable.numpy() for name, variable in named_variables(model).items()}
    loss = model.evaluate(inputs, labels, verbose=0)
    model.fit(inputs, labels, epochs=20, verbose=0)
    assert model.evaluate(inputs, labels, verbose=0) < loss / 2
    after = named_variables(model)
    assert [name for name, value in before.items() if np.array_equal(after[name], value)] == []


@pytest.mark.parametrize("name", ["albert", "roberta", "distilbert"])
def test_a_span_labeler_has_no_weight_without_a_gradient(inputs, name):
    model, _ = squad_model(CONFIGS[name], 7)
    with tf.GradientTape() as tape:
        loss = tf.add_n([tf.reduce_sum(scores**2) for scores in model(inputs)])
    assert all(gradient is not None for gradient in tape.gradient(loss, model.trainable_variables))


def test_positions_are_counted_over_ids():
    """Padding has the row of its own id, on the left and inside the text, too."""
    layer = CountedPositionEmbedding(rows=7, embedding_width=1, padding_id=1)
    ids = np.array([[1, 1, 5, 6], [5, 1, 6, 7]], np.int32)
    layer(ids)
    layer.set_weights([np.arange(7.0)[:, np.newaxis]])
    np.testing.assert_array_equal(layer(ids)[..., 0], [[1, 1, 2, 3], [2, 1, 3, 4]])


def test_positions_that_a_table_lacks_are_refused():
    with pytest.raises(ValueError, match="No row of the 2 is left after that of padding_id 1"):
        CountedPositionEmbedding(rows=2, embedding_width=1, padding_id=1)
    with pytest.raises(ValueError, match="The sequence length 6 exceeds 5"):
        CountedPositionEmbedding(rows=7, embedding_width=1, padding_id=1)(np.ones([1, 6], np.int32))
    with pytest.raises(ValueError, match="The sequence length 17 exceeds 16"):
        encoder_from_config(CONFIGS["roberta"], sequence_length=17)


def bucket(distance):
    """`relative_position_bucket` of transformers for the distance of a key after a query, or before it."""
    half, exact, farthest = BUCKETS // 2, BUCKETS // 4, 128
    size = abs(distance)
    if size >= exact:
        steps = math.log(size / exact) / math.log(farthest / exact) * (half - exact)
        size = min(exact + int(steps + 1e-9), half - 1)
    return size + (half if distance > 0 else 0)


def test_the_relative_bias_is_that_of_transformers():
    layer = RelativePositionBias(num_heads=2)
    length = 200
    values = layer(np.zeros([3, length, 4], np.float32))
    assert values.shape == (1, 2, length, length)
    want = [[bucket(key - query) for key in range(length)] for query in range(length)]
    np.testing.assert_array_equal(values[0], layer.embeddings.numpy()[want].transpose(2, 0, 1))


def test_the_third_input_changes_nothing_without_segments(make, inputs):
    network = make("mpnet")
    for got, want in zip(network([*inputs[:2], inputs[2] + 1]), network(inputs), strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_shared_block_is_one(make):
    network = make("albert")
    assert len(network.blocks) == CONFIGS["albert"].num_layers
    assert len(set(network.blocks)) == 1


def test_a_pooler_takes_the_first_position():
    layer = Pooler("relu", kernel_initializer="identity")
    vectors = np.random.default_rng(0).normal(size=[2, 3, 4]).astype(np.float32)
    np.testing.assert_array_equal(layer(vectors), np.maximum(vectors[:, 0], 0))
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
