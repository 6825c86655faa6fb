from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from closeness import assert_close
from small_networks import BATCH, LENGTH, POSITIONS, PREDICTIONS, RNG, encoder, inputs, randomize

from bertferry.modeling import networks
from bertferry.modeling.activations import gelu_erf, gelu_tanh
from bertferry.modeling.networks import (
    BertClassifier,
    BertPretrainer,
    BertSpanLabeler,
    BertTokenClassifier,
    Classification,
    MaskedLM,
    SpanLabeling,
    TokenClassification,
    TransformerEncoder,
)


class TestTransformerEncoder:
    def test_outputs_in_order(self):
        sequence, pooled = encoder()(inputs())
        assert sequence.shape == (BATCH, LENGTH, 8)
        assert pooled.shape == (BATCH, 8)

    def test_inputs_by_name(self):
        model = encoder()
        names = ["input_word_ids", "input_mask", "input_type_ids"]
        assert [tensor.name for tensor in model.inputs] == names
        assert {tensor.dtype for tensor in model.inputs} == {tf.int32}
        by_name = model(dict(zip(names, arrays := inputs(), strict=True)))
        np.testing.assert_array_equal(by_name[0], model(arrays)[0])

    def test_defaults(self):
        config = encoder(max_sequence_length=None, sequence_length=21).get_config()
        assert config["max_sequence_length"] == 21
        signature = TransformerEncoder.__init__.__defaults__
        assert signature == (768, 12, 12, 512, None, 16, 3072, gelu_tanh, 0.1, 0.1, None, "float32")
        model = TransformerEncoder(vocab_size=5, num_layers=1)
        assert model.inputs[0].shape.as_list() == [None, 512]
        assert tuple(model._position_embedding_layer._position_embeddings.shape) == (512, 768)
        kernel = model.get_layer("transformer/layer_0")._intermediate_dense._kernel.numpy()
        assert 0.015 < kernel.std() < 0.02
        assert np.abs(kernel).max() <= 0.04

    def test_layers_in_creation_order(self):
        named = [layer.name for layer in encoder().layers if layer.weights]
        assert named == [
            "word_embeddings",
            "position_embedding",
            "type_embeddings",
            "embeddings/layer_norm",
            "transformer/layer_0",
            "transformer/layer_1",
            "pooler_transform",
        ]
        assert encoder().get_layer("embeddings/layer_norm").epsilon == 1e-12

    def test_attributes(self):
        model = encoder()
        assert model._embedding_layer.name == "word_embeddings"
        assert model._position_embedding_layer._use_dynamic_slicing
        assert tuple(model.get_embedding_table().shape) == (30, 8)

    def test_variable_names(self):
        names = {variable.name for variable in encoder().variables}
        block = "transformer/layer_1/"
        assert {
            "word_embeddings/embeddings:0",
            "position_embedding/embeddings:0",
            "type_embeddings/embeddings:0",
            "embeddings/layer_norm/gamma:0",
            block + "self_attention/query/kernel:0",
            block + "self_attention/value/bias:0",
            block + "self_attention_output/kernel:0",
            block + "self_attention_layer_norm/beta:0",
            block + "intermediate/kernel:0",
            block + "output/bias:0",
            block + "output_layer_norm/gamma:0",
            "pooler_transform/kernel:0",
        } <= names
        assert len(names) == 7 + 16 * 2

    def test_two_kernels_do_not_start_equal(self):
        model = encoder(initializer=tf_keras.initializers.RandomNormal())
        first, second = (model.get_layer(f"transformer/layer_{i}")._intermediate_dense._kernel for i in (0, 1))
        assert np.abs(first - second).max() > 0

    def test_dropout_is_on_in_training_only(self):
        model, arrays = encoder(), inputs()
        np.testing.assert_array_equal(model(arrays)[0], model(arrays, training=False)[0])
        assert np.abs(model(arrays, training=True)[0] - model(arrays)[0]).max() > 0

    def test_padding_does_not_reach_tokens(self):
        model, arrays = randomize(encoder()), inputs()
        changed = [arrays[0].copy(), arrays[1], arrays[2]]
        changed[0][1, LENGTH // 2 :] = 29
        got, want = model(changed), model(arrays)
        kept = arrays[1] == 1
        np.testing.assert_array_equal(got[0][kept], want[0][kept])  # the softmax gives masked words exactly 0
        np.testing.assert_array_equal(got[1], want[1])

    def test_float16_agrees_with_float32(self):
        wide, narrow = randomize(encoder()), encoder(float_dtype="float16")
        narrow.set_weights(wide.get_weights())
        arrays = inputs()
        for got, want in zip(narrow(arrays), wide(arrays), strict=True):
            assert got.dtype == tf.float16
            assert_close(got, want, "fp16")

    @pytest.mark.parametrize("activation", ["relu", gelu_erf, gelu_tanh])
    def test_the_activation_is_part_of_the_configuration(self, activation):
        model = randomize(encoder(activation=activation))
        again = tf_keras.models.model_from_json(model.to_json())
        again.set_weights(model.get_weights())
        arrays = inputs()
        np.testing.assert_array_equal(again(arrays)[0], model(arrays)[0])

    def test_the_configuration_is_the_arguments_as_given(self):
        """As in the network of 2019: equal dicts, and a name only if one was given."""
        arguments: dict[str, Any] = {
            "vocab_size": 100,
            "hidden_size": 32,
            "num_layers": 3,
            "num_attention_heads": 2,
            "sequence_length": 21,
            "max_sequence_length": 21,
            "type_vocab_size": 12,
            "intermediate_size": 1223,
            "activation": "relu",
            "dropout_rate": 0.05,
            "attention_dropout_rate": 0.22,
            "initializer": "glorot_uniform",
            "float_dtype": "float16",
        }
        config = TransformerEncoder(**arguments).get_config()
        expected = {
            **arguments,
            "activation": tf_keras.activations.serialize(tf_keras.activations.get("relu")),
            "initializer": tf_keras.initializers.serialize(tf_keras.initializers.get("glorot_uniform")),
        }
        assert config == expected
        assert TransformerEncoder(**arguments, name="bert").get_config() == {**expected, "name": "bert"}
        assert TransformerEncoder.from_config(config).get_config() == config


class TestClassification:
    def test_logits_and_predictions(self):
        data = RNG.normal(size=(3, 8)).astype(np.float32)
        logits = randomize(Classification(8, 5))
        predictions = Classification(8, 5, output="predictions")
        predictions.set_weights(logits.get_weights())
        assert logits(data).shape == (3, 5)
        assert_close(predictions(data), tf.nn.log_softmax(logits(data)))
        pre_softmax = tf_keras.Model(predictions.inputs, predictions.logits)
        assert_close(pre_softmax(data), logits(data))

    def test_names(self):
        model = Classification(8, 5)
        assert model.inputs[0].name == "cls_output"
        assert [v.name for v in model.variables] == [
            "predictions/transform/logits/kernel:0",
            "predictions/transform/logits/bias:0",
        ]


class TestSpanLabeling:
    def test_logits_and_predictions(self):
        data = RNG.normal(size=(3, 4, 8)).astype(np.float32)
        logits = randomize(SpanLabeling(8))
        predictions = SpanLabeling(8, output="predictions")
        predictions.set_weights(logits.get_weights())
        start, end = logits(data)
        assert start.shape == end.shape == (3, 4)
        for got, want in zip(predictions(data), (start, end), strict=True):
            assert_close(got, tf.nn.log_softmax(want))
        pre_softmax = tf_keras.Model(predictions.inputs, [predictions.start_logits, predictions.end_logits])
        assert_close(pre_softmax(data)[1], end)
        assert logits.inputs[0].name == "sequence_data"

    def test_activation(self):
        data = RNG.normal(size=(3, 4, 8)).astype(np.float32)
        assert min(tf.reduce_min(scores) for scores in SpanLabeling(8, activation="relu")(data)) >= 0


class TestMaskedLM:
    def test_equals_the_formula(self):
        source = randomize(encoder())
        model = randomize(MaskedLM(8, PREDICTIONS, source, activation="relu"))
        data = RNG.normal(size=(BATCH, LENGTH, 8)).astype(np.float32)
        got = model([data, POSITIONS])
        assert got.shape == (BATCH, PREDICTIONS, 30)
        dense, norm = (model.get_layer(f"cls/predictions/transform/{name}") for name in ("dense", "LayerNorm"))
        bias = model.get_layer("cls/predictions/output_bias").weights[0]
        picked = np.stack([row[chosen] for row, chosen in zip(data, POSITIONS, strict=True)])
        expected = norm(dense(picked)) @ tf.transpose(source.get_embedding_table()) + bias
        assert_close(got, expected)
        assert norm.epsilon == 1e-12

    def test_predictions_are_log_probabilities(self):
        source = encoder()
        logits, predictions = MaskedLM(8, None, source), MaskedLM(8, None, source, output="predictions")
        predictions.set_weights(logits.get_weights())
        data = RNG.normal(size=(BATCH, LENGTH, 8)).astype(np.float32)
        expected = tf.nn.log_softmax(logits([data, POSITIONS]))
        assert_close(predictions([data, POSITIONS]), expected)

    def test_the_word_table_stays_the_encoders(self):
        source = encoder()
        model = MaskedLM(8, PREDICTIONS, source)
        assert [tensor.name for tensor in model.inputs] == ["sequence_data", "masked_lm_positions"]
        assert [variable.name for variable in model.variables] == [
            "cls/predictions/transform/dense/kernel:0",
            "cls/predictions/transform/dense/bias:0",
            "cls/predictions/transform/LayerNorm/gamma:0",
            "cls/predictions/transform/LayerNorm/beta:0",
            "cls/predictions/output_bias/bias:0",
        ]
        data = RNG.normal(size=(BATCH, LENGTH, 8)).astype(np.float32)
        before = model([data, POSITIONS]).numpy()
        source.get_embedding_table().assign_add(tf.ones([30, 8]))
        assert np.abs(model([data, POSITIONS]) - before).max() > 0


class TestModels:
    def test_classifier(self):
        model = BertClassifier(encoder(), num_classes=5)
        assert model(inputs()).shape == (BATCH, 5)
        assert isinstance(model.classifier, Classification)
        log_probabilities = BertClassifier(encoder(), 5, output="predictions")(inputs())
        assert_close(tf.reduce_sum(tf.exp(log_probabilities), -1), np.ones(BATCH))

    def test_token_classifier(self):
        model = BertTokenClassifier(encoder(), num_classes=5)
        assert model(inputs()).shape == (BATCH, LENGTH, 5)
        assert isinstance(model.classifier, TokenClassification)
        log_probabilities = BertTokenClassifier(encoder(), 5, output="predictions")(inputs())
        assert_close(tf.reduce_sum(tf.exp(log_probabilities), -1), np.ones((BATCH, LENGTH)))

    def test_classifier_dropout(self):
        assert BertClassifier(encoder(), 5).get_config()["dropout_rate"] == 0.1
        model, arrays = BertClassifier(encoder(dropout_rate=0.0, attention_dropout_rate=0.0), 5), inputs()
        assert np.abs(model(arrays, training=True) - model(arrays)).max() > 0
        plain = BertClassifier(encoder(dropout_rate=0.0, attention_dropout_rate=0.0), 5, dropout_rate=0.0)
        np.testing.assert_array_equal(plain(arrays, training=True), plain(arrays))

    def test_span_labeler(self):
        model = BertSpanLabeler(encoder())
        assert [tuple(scores.shape) for scores in model(inputs())] == [(BATCH, LENGTH)] * 2
        assert model.output_names == ["start_positions", "end_positions"]
        assert isinstance(model.span_labeling, SpanLabeling)
        cross_entropy = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss={"start_positions": cross_entropy, "end_positions": cross_entropy})
        labels = {name: np.zeros(BATCH) for name in model.output_names}
        assert np.isfinite(model.evaluate(inputs(), labels, verbose=0)).all()

    def test_pretrainer(self):
        model = BertPretrainer(encoder(), num_classes=2, num_token_predictions=PREDICTIONS)
        words, sentence = model([*inputs(), POSITIONS])
        assert words.shape == (BATCH, PREDICTIONS, 30)
        assert sentence.shape == (BATCH, 2)
        assert isinstance(model.masked_lm, MaskedLM)
        assert isinstance(model.classification, Classification)
        assert model.inputs[3].name == "masked_lm_positions"

    def test_output_activation_is_applied(self):
        model = BertPretrainer(encoder(), 2, PREDICTIONS, output_activation="sigmoid")
        for output in model([*inputs(), POSITIONS]):
            assert 0 < tf.reduce_min(output) < tf.reduce_max(output) < 1

    def test_more_predictions_than_tokens(self):
        with pytest.raises(ValueError, match="exceeds the sequence length 5"):
            BertPretrainer(encoder(sequence_length=5), 2, num_token_predictions=6)

    @pytest.mark.parametrize(
        "build",
        [
            lambda: Classification(8, 5, output="bad"),
            lambda: SpanLabeling(8, output="bad"),
            lambda: MaskedLM(8, 2, encoder(), output="bad"),
            lambda: BertClassifier(encoder(), 5, output="bad"),
            lambda: BertTokenClassifier(encoder(), 5, output="bad"),
            lambda: BertSpanLabeler(encoder(), output="bad"),
            lambda: BertPretrainer(encoder(), 2, 2, output="bad"),
        ],
    )
    def test_an_unknown_output(self, build):
        with pytest.raises(ValueError, match='Unknown `output` value "bad"'):
            build()

    def test_every_network_is_exported(self):
        assert len(networks.__all__) == 10
