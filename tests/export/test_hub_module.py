"""Every way to call the module returns what TF 1.15.5 computed."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub as hub
import tf_keras
from closeness import assert_close

from bertferry.convert import open_checkpoint
from bertferry.modeling.builders import classifier_model, squad_model
from bertferry.modeling.tf_compat import inline_calls
from bertferry.verify.inspection_points import point_names, point_of

DTYPES = (np.int32, np.int64)


@pytest.fixture(scope="module")
def layer(module):
    return hub.KerasLayer(str(module), trainable=True)


def cast(inputs, dtype):
    return {name: tf.constant(array, dtype) for name, array in inputs.items()}


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_dict_call(layer, golden_inputs, expected, dtype):
    outputs = layer(cast(golden_inputs, dtype))
    assert set(outputs) == {"pooled_output", "sequence_output", "encoder_outputs", "default"}
    for name, want in expected.items():
        assert_close(outputs[name], want)
    np.testing.assert_array_equal(outputs["default"], outputs["pooled_output"])
    assert len(outputs["encoder_outputs"]) == 2
    np.testing.assert_array_equal(outputs["encoder_outputs"][-1], outputs["sequence_output"])


@pytest.mark.parametrize("structure", [list, tuple])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_list_call(layer, golden_inputs, expected, dtype, structure):
    outputs = layer(structure(cast(golden_inputs, dtype).values()))
    assert isinstance(outputs, list)
    pooled, sequence = outputs
    assert_close(pooled, expected["pooled_output"])
    assert_close(sequence, expected["sequence_output"])


@pytest.mark.parametrize("structure", ["dict", "list"])
def test_dropout_is_on_in_training_only(layer, golden_inputs, structure):
    inputs = cast(golden_inputs, np.int32)
    inputs = inputs if structure == "dict" else list(inputs.values())

    def pooled(training):
        outputs = layer(inputs, training=training)
        return (outputs["pooled_output"] if structure == "dict" else outputs[0]).numpy()

    np.testing.assert_array_equal(pooled(False), pooled(False))
    assert np.abs(pooled(True) - pooled(True)).max() > 0
    assert np.abs(pooled(True) - pooled(False)).max() > 0


def test_the_serving_signature(module, golden_inputs, expected):
    signature = tf.saved_model.load(str(module)).signatures["serving_default"]
    specs = signature.structured_input_signature[1]
    assert {name: (spec.dtype, spec.shape.as_list()) for name, spec in specs.items()} == {
        name: (tf.int32, [None, None]) for name in golden_inputs
    }
    outputs = signature(**cast(golden_inputs, np.int32))
    assert set(outputs) == set(expected)
    for name, want in expected.items():
        assert_close(outputs[name], want)


def test_a_static_length_reaches_the_output(layer):
    inputs = {
        name: tf_keras.Input((7,), dtype=tf.int32, name=name)
        for name in ("input_word_ids", "input_mask", "input_type_ids")
    }
    assert layer(inputs)["sequence_output"].shape.as_list() == [None, 7, 8]
    assert layer(list(inputs.values()))[1].shape.as_list() == [None, 7, 8]


@pytest.mark.parametrize("shape", [(1, 1), (3, 16), (5, 2)])
def test_batch_and_length_are_dynamic(layer, shape):
    ones = tf.ones(shape, tf.int32)
    outputs = layer([ones, ones, ones])
    assert outputs[1].shape == (*shape, 8)


def test_masked_positions_do_not_reach_tokens(layer, golden_inputs):
    changed = {name: array.copy() for name, array in golden_inputs.items()}
    changed["input_word_ids"][1, 5:] = 29
    want, got = (layer(cast(inputs, np.int32)) for inputs in (golden_inputs, changed))
    kept = golden_inputs["input_mask"] == 1
    np.testing.assert_array_equal(got["sequence_output"][kept], want["sequence_output"][kept])
    np.testing.assert_array_equal(got["pooled_output"], want["pooled_output"])


def test_weights_are_the_checkpoints_by_canonical_name(layer, golden):
    checkpoint = open_checkpoint(golden / "tf1_core_L2")
    values = {weight.name.removesuffix(":0"): weight.numpy() for weight in layer.weights}
    assert set(values) == set(checkpoint.parameters)
    for name, value in values.items():
        np.testing.assert_array_equal(value, checkpoint.read(name))
    assert len(layer.trainable_weights) == 39
    assert layer.losses == []


def test_gradients_reach_every_weight_through_a_persistent_tape(layer, golden_inputs):
    with tf.GradientTape(persistent=True) as tape:
        outputs = layer(cast(golden_inputs, np.int32))
        loss = tf.reduce_sum(outputs["sequence_output"] ** 2) + tf.reduce_sum(outputs["pooled_output"] ** 3)
    gradients = tape.gradient(loss, layer.trainable_weights)
    for weight, gradient in zip(layer.trainable_weights, gradients, strict=True):
        assert gradient is not None, weight.name
        if not weight.name.endswith("key/bias:0"):  # softmax cancels a key bias
            assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.name


def test_the_graph_holds_the_named_tensors(module):
    """A verifier cuts the graph at these names."""
    loaded = tf.saved_model.load(str(module))
    graph = inline_calls(loaded.signatures["serving_default"])
    assert {point_of(node.name) for node in graph.node} - {None} == set(point_names(2))


class TestFineTuning:
    """`classifier_model` and `squad_model` on the module."""

    CONFIG_OF = "tf1_core_L2"

    def toy(self):
        rng = np.random.default_rng(0)
        ids = rng.integers(1, 30, (64, 7), np.int32)
        return [ids, np.ones_like(ids), np.zeros_like(ids)], (ids[:, 1] > 15).astype(np.int32)

    def test_a_classifier_halves_its_loss_and_trains_every_weight(self, module, golden):
        config = open_checkpoint(golden / self.CONFIG_OF).config
        model, core = classifier_model(config, num_labels=2, max_seq_length=7, hub_module_url=str(module))
        assert isinstance(core, hub.KerasLayer)
        assert len(model.trainable_weights) == 39 + 2
        inputs, labels = self.toy()
        cross_entropy = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(tf_keras.optimizers.legacy.Adam(3e-3), loss=cross_entropy)
        before = [weight.numpy() for weight in core.trainable_weights]
        loss = model.evaluate(inputs, labels, verbose=0)
        model.fit(inputs, labels, batch_size=16, epochs=60, verbose=0)
        assert model.evaluate(inputs, labels, verbose=0) < loss / 2
        for weight, value in zip(core.trainable_weights, before, strict=True):
            assert np.abs(weight.numpy() - value).max() > 0, weight.name

    def test_dropout_inside_a_model_is_on_in_training_only(self, module, golden):
        config = open_checkpoint(golden / self.CONFIG_OF).config
        model, _ = classifier_model(config, 2, 7, hub_module_url=str(module))
        inputs, _ = self.toy()
        np.testing.assert_array_equal(model(inputs, training=False), model(inputs, training=False))
        assert np.abs(model(inputs, training=True) - model(inputs, training=True)).max() > 0

    def test_dropout_of_the_module_can_be_left_out(self, module, golden):
        """That before the head stays; texts may have any length."""
        config = replace(open_checkpoint(golden / self.CONFIG_OF).config, dropout_rate=0.0)
        model, core = classifier_model(config, 2, None, hub_module_url=str(module), hub_module_dropout=False)
        inputs, _ = self.toy()
        np.testing.assert_array_equal(model(inputs, training=True), model(inputs, training=False))
        assert model([part[:, :3] for part in inputs]).shape == (64, 2)
        assert len(core.trainable_weights) == 39

    def test_a_span_labeler_on_the_module(self, module, golden):
        config = open_checkpoint(golden / self.CONFIG_OF).config
        model, _ = squad_model(config, max_seq_length=7, hub_module_url=str(module))
        inputs, _ = self.toy()
        assert [tuple(scores.shape) for scores in model(inputs)] == [(64, 7)] * 2
        assert model.output_names == ["start_positions", "end_positions"]
        assert len(model.trainable_weights) == 39 + 2
