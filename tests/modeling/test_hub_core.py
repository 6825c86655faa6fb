"""Fine-tuning on top of a Hub module, here a minimal one that knows both ways of calling."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bertferry.modeling.builders import classifier_model, squad_model, token_classifier_model

INPUTS = ("input_word_ids", "input_mask", "input_type_ids")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    return save_module(tmp_path_factory.mktemp("hub") / "module", ("pooled_output", "sequence_output"))


@pytest.fixture(scope="module")
def without_pooler(tmp_path_factory):
    return save_module(tmp_path_factory.mktemp("hub") / "module", ("sequence_output",))


def save_module(path, listed):
    """A module with a table of words; its pooled vector, if it has one, is their mean under the mask."""
    module = tf.train.Checkpoint(table=tf.Variable(tf.random.stateless_normal([30, 8], [0, 0]), name="table"))
    module.variables = module.trainable_variables = [module.table]
    module.regularization_losses = []

    @tf.function(autograph=False)
    def call(inputs, training=False):
        named = isinstance(inputs, dict)
        ids, mask, _ = (inputs[name] for name in INPUTS) if named else inputs
        kept = tf.cast(mask, tf.float32)[:, :, tf.newaxis]
        sequence = tf.gather(module.table, ids) * kept
        if training:
            sequence = tf.nn.dropout(sequence, 0.1)
        pooled = tf.reduce_sum(sequence, axis=1) / tf.reduce_sum(kept, axis=1)
        outputs = {"pooled_output": pooled, "sequence_output": sequence}
        return {name: outputs[name] for name in listed} if named else [outputs[name] for name in listed]

    module.__call__ = call
    specs = [tf.TensorSpec([None, None], tf.int32, name) for name in INPUTS]
    for training in (False, True):
        call.get_concrete_function(specs, training=training)
        call.get_concrete_function(dict(zip(INPUTS, specs, strict=True)), training=training)
    tf.saved_model.save(module, str(path))
    return str(path)


@pytest.fixture
def examples():
    ids = np.random.default_rng(0).integers(0, 30, [32, 7], dtype=np.int32)
    return [ids, np.ones_like(ids), np.zeros_like(ids)]


def train(model, examples, labels, losses):
    model.compile(tf_keras.optimizers.Adam(0.05), loss=losses)
    before = model.evaluate(examples, labels, verbose=0, return_dict=True)["loss"]
    model.fit(examples, labels, epochs=20, verbose=0)
    return before, model.evaluate(examples, labels, verbose=0, return_dict=True)["loss"]


def cross_entropy():
    return tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def test_a_classifier_trains_the_module(config, url, examples):
    model, core = classifier_model(config, num_labels=3, max_seq_length=7, hub_module_url=url)
    assert type(core).__name__ == "KerasLayer"
    assert [tensor.name for tensor in model.inputs] == list(INPUTS)
    assert model(examples).shape == [32, 3]
    assert {id(v) for v in core.trainable_weights} <= {id(v) for v in model.trainable_weights}
    assert [v.shape.as_list() for v in core.trainable_weights] == [[30, 8]]
    table = core.get_weights()[0]
    before, after = train(model, examples, examples[0][:, 0] // 10, cross_entropy())
    assert after < before / 2
    assert not np.allclose(core.get_weights()[0], table)


def test_a_token_classifier_trains_the_module(config, url, examples):
    model, core = token_classifier_model(config, num_labels=3, max_seq_length=7, hub_module_url=url)
    assert model(examples).shape == [32, 7, 3]
    assert {id(v) for v in core.trainable_weights} <= {id(v) for v in model.trainable_weights}
    before, after = train(model, examples, examples[0] // 10, cross_entropy())
    assert after < before / 2


def test_a_span_labeler_trains_the_module(config, url, examples):
    model, core = squad_model(config, max_seq_length=7, hub_module_url=url)
    assert model.output_names == ["start_positions", "end_positions"]
    assert [output.shape.as_list() for output in model(examples)] == [[32, 7], [32, 7]]
    assert {id(v) for v in core.trainable_weights} <= {id(v) for v in model.trainable_weights}
    labels = {"start_positions": examples[0].argmin(-1), "end_positions": examples[0].argmax(-1)}
    losses = dict.fromkeys(model.output_names, cross_entropy())
    before, after = train(model, examples, labels, losses)
    assert after < before / 2


def test_a_module_without_a_pooler_gets_that_of_the_head(config, without_pooler, examples):
    """As DistilBERT's, with ReLU; a BERT's would have been trained with it."""
    small = replace(config, architecture="distilbert", type_vocab_size=1)
    model, _ = classifier_model(small, num_labels=3, max_seq_length=7, hub_module_url=without_pooler)
    assert model.get_layer("pooler_transform").get_config()["activation"] == "relu"
    assert model(examples).shape == [32, 3]
    assert squad_model(small, 7, hub_module_url=without_pooler)[0](examples)[0].shape == [32, 7]
    with pytest.raises(ValueError, match="requires a module with a pooler"):
        classifier_model(config, num_labels=3, max_seq_length=7, hub_module_url=without_pooler)


def test_initializers_reach_the_last_kernel(config, url):
    for core in (None, url):
        common: dict[str, Any] = {"max_seq_length": 7, "hub_module_url": core}
        classifier, _ = classifier_model(config, num_labels=3, final_layer_initializer="ones", **common)
        labeler, _ = squad_model(config, initializer="ones", **common)
        for model in (classifier, labeler):
            assert any(np.all(weight == 1) for weight in model.get_weights()[-2:])
