import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from closeness import assert_close

from bertferry.modeling import layers
from bertferry.modeling.layers import (
    Attention,
    MaskedSoftmax,
    OnDeviceEmbedding,
    PositionEmbedding,
    SelfAttentionMask,
    Transformer,
)

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


class TestMaskedSoftmax:
    def test_without_a_mask_it_is_a_softmax(self):
        scores = normal(2, 3, 4)
        assert_close(MaskedSoftmax()(scores), tf.nn.softmax(scores))
        assert_close(MaskedSoftmax()([scores, None]), tf.nn.softmax(scores))

    def test_masked_positions_get_nothing_and_the_rest_its_softmax(self):
        scores, mask = normal(1, 4), np.array([[1, 0, 1, 0]])
        got = MaskedSoftmax()([scores, mask]).numpy()
        np.testing.assert_array_equal(got[0, [1, 3]], [0, 0])
        assert_close(got[0, [0, 2]], tf.nn.softmax(scores[0, [0, 2]]))

    def test_adds_minus_ten_thousand(self):
        scores, mask = np.array([[0.0, 10000.0]], np.float32), np.array([[1, 0]])
        assert_close(MaskedSoftmax()([scores, mask]), [[0.5, 0.5]])

    def test_a_row_that_is_all_masked_is_the_softmax_of_its_scores(self):
        scores = normal(1, 5)
        got = MaskedSoftmax()([scores, np.zeros((1, 5))])
        assert_close(got, tf.nn.softmax(scores))

    @pytest.mark.parametrize("axes", [1, [1]])
    def test_the_mask_gains_axes(self, axes):
        scores, mask = normal(2, 3, 4, 5), RNG.integers(0, 2, (2, 4, 5))
        got = MaskedSoftmax(mask_expansion_axes=axes)([scores, mask])
        assert_close(got, MaskedSoftmax()([scores, mask[:, None]]))
        several = MaskedSoftmax(mask_expansion_axes=[1, 2])([scores, mask[:, 0]])
        assert_close(several, MaskedSoftmax()([scores, mask[:, 0][:, None, None]]))


class TestAttention:
    def test_shapes_and_names(self):
        layer = Attention(num_heads=3, head_size=4)
        assert layer([normal(2, 5, 8), normal(2, 6, 8)]).shape == (2, 5, 3, 4)
        assert layer.compute_output_shape([(2, 5, 8), (2, 6, 8)]) == (2, 5, 3, 4)
        for part in ("query", "key", "value"):
            dense = getattr(layer, f"_{part}_dense")
            assert dense.name == part
            assert [tuple(weight.shape) for weight in dense.weights] == [(8, 3, 4), (3, 4)]

    def test_equals_the_formula(self):
        layer = Attention(num_heads=2, head_size=3, bias_initializer="normal")
        data, mask = normal(1, 4, 6), np.array([[[1, 1, 0, 1]] * 4])
        got = layer([data, data, mask]).numpy()
        q, k, v = (
            np.einsum("bfh,hnd->bnfd", data, d._kernel.numpy()) + d._bias.numpy()[None, :, None]
            for d in (layer._query_dense, layer._key_dense, layer._value_dense)
        )
        scores = np.einsum("bnfd,bntd->bnft", q, k) / np.sqrt(3) - 10000.0 * (1 - mask[:, None])
        expected = np.einsum("bnft,bntd->bfnd", tf.nn.softmax(scores).numpy(), v)
        assert_close(got, expected)

    def test_dropout_is_on_in_training_only(self):
        layer = Attention(num_heads=2, head_size=3, dropout_rate=0.5)
        data = normal(1, 4, 6)
        np.testing.assert_array_equal(layer([data, data]), layer([data, data], training=False))
        assert np.abs(layer([data, data], training=True) - layer([data, data])).max() > 0


class TestOnDeviceEmbedding:
    @pytest.mark.parametrize("ids", [np.array([[0, 3, 2]]), np.array([[4, 4, 1]], np.int64)])
    def test_gather_and_one_hot_agree(self, ids):
        gather, one_hot = OnDeviceEmbedding(5, 4), OnDeviceEmbedding(5, 4, use_one_hot=True)
        vectors = gather(ids)
        one_hot.build(ids.shape)
        one_hot.set_weights(gather.get_weights())
        assert vectors.shape == (1, 3, 4)
        np.testing.assert_array_equal(vectors, gather.embeddings.numpy()[ids])
        assert_close(one_hot(ids), vectors)
        assert gather.compute_output_shape((None, 3)).as_list() == [None, 3, 4]

    def test_table_and_types(self):
        layer = OnDeviceEmbedding(5, 4)
        layer.build((None, 3))
        assert layer.embeddings.name == "embeddings:0"
        assert tuple(layer.embeddings.shape) == (5, 4)
        assert layer.dtype == "float32"
        assert OnDeviceEmbedding(5, 4, dtype="float16")(np.array([[0]])).dtype == tf.float16
        assert OnDeviceEmbedding(5, 4, dtype="float16", use_one_hot=True)(np.array([[0]])).dtype == tf.float16


class TestPositionEmbedding:
    def test_static_length(self):
        layer = PositionEmbedding()
        assert layer(tf_keras.Input((21, 30))).shape.as_list() == [1, 21, 30]
        assert layer._position_embeddings.name.endswith("embeddings:0")
        assert tuple(layer._position_embeddings.shape) == (21, 30)
        assert not layer._use_dynamic_slicing

    def test_dynamic_slicing_takes_the_first_rows(self):
        layer = PositionEmbedding(use_dynamic_slicing=True, max_sequence_length=40)
        assert layer(tf_keras.Input((21, 30))).shape.as_list() == [1, 21, 30]
        assert tuple(layer._position_embeddings.shape) == (40, 30)
        got = layer(np.zeros((3, 17, 30), np.float32))
        np.testing.assert_array_equal(got[0], layer._position_embeddings[:17])
        assert layer._use_dynamic_slicing
        assert PositionEmbedding(use_dynamic_slicing=True, max_sequence_length=4)(
            tf_keras.Input((None, 30))
        ).shape.as_list() == [1, None, 30]

    def test_float16(self):
        assert PositionEmbedding(dtype="float16")(np.zeros((1, 2, 3), np.float16)).dtype == tf.float16

    def test_arguments_that_contradict_each_other(self):
        with pytest.raises(ValueError, match="max_sequence_length must be set"):
            PositionEmbedding(use_dynamic_slicing=True)
        with pytest.raises(ValueError, match="max_sequence_length must not be set"):
            PositionEmbedding(max_sequence_length=5)
        with pytest.raises(ValueError, match="sequence length must be known"):
            PositionEmbedding()(tf_keras.Input((None, 30)))
        with pytest.raises(ValueError, match="rank 3"):
            PositionEmbedding()(tf_keras.Input((30,)))


def test_self_attention_mask_repeats_the_mask_for_every_position():
    mask = np.array([[1, 0, 1]])
    got = SelfAttentionMask()([normal(1, 2, 4), mask])
    np.testing.assert_array_equal(got, [[[1, 0, 1], [1, 0, 1]]])


class TestTransformer:
    def test_sub_layers_in_order_with_names_and_shapes(self):
        layer = Transformer(num_attention_heads=4, intermediate_size=12, intermediate_activation="relu")
        assert layer(normal(2, 3, 8)).shape == (2, 3, 8)
        expected = [
            ("_attention_layer", "self_attention"),
            ("_attention_output_dense", "self_attention_output"),
            ("_attention_dropout", None),
            ("_attention_layer_norm", "self_attention_layer_norm"),
            ("_intermediate_dense", "intermediate"),
            ("_output_dense", "output"),
            ("_output_dropout", None),
            ("_output_layer_norm", "output_layer_norm"),
        ]
        made = [name for name, value in vars(layer).items() if isinstance(value, tf_keras.layers.Layer)]
        assert made == [name for name, _ in expected]
        assert all(getattr(layer, name).name == label for name, label in expected if label)
        assert tuple(layer._attention_output_dense._kernel.shape) == (4, 2, 8)
        assert tuple(layer._intermediate_dense._kernel.shape) == (8, 12)
        assert tuple(layer._output_dense._kernel.shape) == (12, 8)
        assert layer._attention_layer_norm.epsilon == layer._output_layer_norm.epsilon == 1e-12

    def test_compute_output_shape(self):
        layer = Transformer(2, 12, "relu")
        assert layer.compute_output_shape((2, 3, 8)) == (2, 3, 8)
        assert layer.compute_output_shape([(None, 3, 8), (None, 3, 3)]).as_list() == [None, 3, 8]

    def test_equals_the_formula(self):
        layer = Transformer(2, 12, "relu", bias_initializer="normal")
        data, mask = normal(1, 4, 8), np.array([[[1, 1, 1, 0]] * 4], np.float32)
        got = layer([data, mask])
        attended = layer._attention_output_dense(layer._attention_layer([data, data, mask]))
        normed = layer_norm(data + attended.numpy())
        inner = np.maximum(normed @ layer._intermediate_dense._kernel.numpy() + layer._intermediate_dense._bias, 0)
        outer = inner @ layer._output_dense._kernel.numpy() + layer._output_dense._bias.numpy()
        assert_close(got, layer_norm(outer + normed))

    def test_masked_tokens_do_not_matter(self):
        layer = Transformer(2, 12, "relu")
        data, mask = normal(1, 4, 8), np.array([[[1, 1, 0, 0]] * 4], np.float32)
        other = data.copy()
        other[:, 2:] += 1
        np.testing.assert_array_equal(layer([data, mask])[:, :2], layer([other, mask])[:, :2])

    @pytest.mark.parametrize(
        ("shapes", "message"),
        [
            ([(3, 8), (3, 4)], "When passing a mask tensor"),
            ([(3, 8), (3,)], "When passing a mask tensor"),
            ([(3, 8), (4, 4)], "When passing a mask tensor"),
            ([(3, 9)], "not a multiple of the 2 heads"),
            ([(3, 4, 8)], "rank 3"),
            ([(8,)], "rank 3"),
        ],
    )
    def test_inputs_that_do_not_fit(self, shapes, message):
        inputs = [tf_keras.Input(shape) for shape in shapes]
        with pytest.raises(ValueError, match=message):
            Transformer(2, 12, "relu")(inputs if len(inputs) > 1 else inputs[0])

    def test_float16_keeps_the_delicate_parts_in_float32(self):
        layer = Transformer(2, 12, "relu", dtype="float16")
        data = normal(1, 4, 8).astype(np.float16)
        mask = np.ones((1, 4, 4), np.float16)
        output = layer([data, mask])
        assert output.dtype == tf.float16
        narrow = (layer._attention_layer, layer._attention_output_dense, layer._output_dense)
        wide = (
            layer._attention_layer_norm,
            layer._output_layer_norm,
            layer._intermediate_dense,
            layer._attention_layer._masked_softmax,
        )
        assert {part.compute_dtype for part in narrow} == {"float16"}
        assert {part.compute_dtype for part in wide} == {"float32"}

    def test_a_constant_row_stays_finite_in_float16(self):
        layer = Transformer(2, 12, "relu", dtype="float16", kernel_initializer="zeros")
        assert np.isfinite(layer(np.ones((1, 4, 8), np.float16)).numpy()).all()


def layer_norm(x):
    return (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)


CONFIGURED = {
    "DenseEinsum": (
        layers.DenseEinsum((2, 4), activation="relu", bias_initializer="normal", kernel_regularizer="l2"),
        [normal(2, 3, 8)],
    ),
    "DenseEinsum two summed": (
        layers.DenseEinsum(5, num_summed_dimensions=2, activity_regularizer="l1"),
        [normal(2, 3, 4, 2)],
    ),
    "MaskedSoftmax": (layers.MaskedSoftmax(mask_expansion_axes=[1]), [normal(2, 2, 3, 4), np.ones((2, 3, 4))]),
    "Attention": (layers.Attention(2, 3, 0.2, kernel_initializer="normal"), [normal(2, 3, 8), normal(2, 4, 8)]),
    "OnDeviceEmbedding": (layers.OnDeviceEmbedding(5, 4, "normal", use_one_hot=True), [np.array([[1, 2]])]),
    "PositionEmbedding": (
        layers.PositionEmbedding(use_dynamic_slicing=True, max_sequence_length=9, initializer="normal"),
        [normal(2, 3, 4)],
    ),
    "SelfAttentionMask": (layers.SelfAttentionMask(), [normal(1, 2, 4), np.array([[1, 0, 1]])]),
    "Transformer": (
        layers.Transformer(2, 12, "relu", 0.1, 0.2, bias_initializer="normal", activity_regularizer="l2"),
        [normal(2, 3, 8), np.ones((2, 3, 3), np.float32)],
    ),
}


@pytest.mark.parametrize(("layer", "inputs"), CONFIGURED.values(), ids=CONFIGURED)
def test_every_layer_rebuilds_from_its_config_with_equal_outputs(layer, inputs):
    arguments = inputs if len(inputs) > 1 else inputs[0]
    expected = layer(arguments)
    serialized = tf_keras.layers.serialize(layer)
    assert serialized["registered_name"].startswith("Text>")
    again = tf_keras.layers.deserialize(serialized)
    again(arguments)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(arguments), expected)
    assert again.get_config() == layer.get_config()
