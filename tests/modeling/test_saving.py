"""Networks through every file that Keras and TensorFlow write, and back."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from closeness import assert_close

import bertferry.modeling
from bertferry.modeling.builders import task_model
from bertferry.modeling.networks import BertPretrainer

GOLDEN = {
    "encoder": "keras_bert_L2_21/bert_model.ckpt-1",
    "classifier": "keras_bert_L2_21_cls/ck-1",
    "span": "keras_bert_L2_21_span/ck-1",
    "pretrainer": "keras_bert_L2_21_pre/ck-1",
}


@pytest.fixture
def make(config, fill):
    """A task's model with random weights."""

    def make(task):
        return fill(task_model(config, task, num_classes=5))

    return make


@pytest.fixture
def model_inputs(arrays):
    """What a task's model takes."""
    return lambda task: [
        *arrays.values(),
        *([np.array([[0, 2], [3, 1]], np.int32)] if task == "pretrainer" else []),
    ]


def assert_equal(got, want):
    for actual, expected in zip(tf.nest.flatten(got), tf.nest.flatten(want), strict=True):
        assert_close(actual, expected)


def classes():
    """Every layer and model class that the package defines, but the models' base."""
    found = set()
    for module in pkgutil.walk_packages(bertferry.modeling.__path__, "bertferry.modeling."):
        for _, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(value, tf_keras.layers.Layer) and value.__module__ == module.name:
                found.add(value)
    return sorted((value for value in found if value.__name__ != "ConfiguredModel"), key=lambda c: c.__name__)


def test_every_class_is_registered_under_text():
    assert len(classes()) == 24
    for value in classes():
        assert tf_keras.utils.get_registered_name(value) == f"Text>{value.__name__}"


@pytest.mark.parametrize("task", GOLDEN)
def test_a_checkpoint_has_the_keys_and_shapes_of_the_genuine_one(golden, tmp_path, make, task):
    path = tf.train.Checkpoint(model=make(task)).save(str(tmp_path / "ck"))
    genuine = {name: shape for name, shape in tf.train.list_variables(str(golden / GOLDEN[task])) if shape}
    assert {name: shape for name, shape in tf.train.list_variables(path) if shape} == genuine


@pytest.mark.parametrize("task", GOLDEN)
def test_a_keras_file_holds_the_model(tmp_path, make, model_inputs, task):
    model, inputs = make(task), model_inputs(task)
    model.save(tmp_path / "model.keras")
    assert_equal(tf_keras.models.load_model(tmp_path / "model.keras")(inputs), model(inputs))


@pytest.mark.parametrize("task", GOLDEN)
def test_a_saved_model_computes_the_same(tmp_path, make, model_inputs, task):
    model, inputs = make(task), model_inputs(task)
    tf.saved_model.save(model, str(tmp_path / "saved"))
    assert_equal(tf.saved_model.load(str(tmp_path / "saved"))(inputs, training=False), model(inputs))


def test_heads_are_exported_on_their_own(tmp_path, make):
    pretrainer = make("pretrainer")
    vectors = np.random.default_rng(0).normal(size=[2, 7, 8]).astype(np.float32)
    cases = {
        "masked_lm": [vectors, np.array([[0, 2], [3, 1]], np.int32)],
        "classification": vectors[:, 0],
    }
    for name, inputs in cases.items():
        head = getattr(pretrainer, name)
        tf.saved_model.save(head, str(tmp_path / name))
        assert_equal(tf.saved_model.load(str(tmp_path / name))(inputs, training=False), head(inputs))


def test_a_frozen_encoder_stays_frozen_in_a_tied_head(config):
    model = task_model(config, "pretrainer")
    encoder = model.layers[3]
    encoder.trainable = False
    names = {variable.name.split("/")[0] for variable in model.trainable_variables}
    assert names == {"cls", "predictions"}


def test_outputs_are_named_after_the_heads(config):
    model = task_model(config, "pretrainer")
    assert isinstance(model, BertPretrainer)
    assert model.output_names == ["masked_lm", "classification"]
    losses = dict.fromkeys(model.output_names, tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.compile("sgd", loss=losses)


@pytest.mark.parametrize("task", ["encoder", "classifier", "span", "pretrainer"])
def test_lengths_are_open(make, task):
    model = make(task)
    for batch, length, predictions in ((1, 1, 1), (3, 16, 5)):
        inputs = [np.ones([batch, length], np.int32)] * 3
        if task == "pretrainer":
            inputs.append(np.zeros([batch, predictions], np.int32))
        for output in tf.nest.flatten(model(inputs)):
            assert output.shape[0] == batch
            assert np.isfinite(output).all()


def test_a_sequence_longer_than_the_position_table_is_refused(make):
    inputs = [np.ones([1, 17], np.int32)] * 3
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        make("encoder")(inputs)
