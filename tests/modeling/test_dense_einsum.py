import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from closeness import assert_close

from bertferry.modeling.layers import DenseEinsum


@pytest.mark.parametrize(
    ("input_shape", "output_shape", "summed", "einsum", "kernel", "result"),
    [
        ((None, 30, 40, 50), 64, 2, "abcd,cde->abe", (40, 50, 64), [None, 30, 64]),
        ((None, 30, 40), (64, 32), 1, "abc,cde->abde", (40, 64, 32), [None, 30, 64, 32]),
        ((None, 30, 40), 64, 1, "abc,cd->abd", (40, 64), [None, 30, 64]),
        ((None, 40), (4, 2), 1, "ab,bcd->acd", (40, 4, 2), [None, 4, 2]),
    ],
)
def test_einsum_string_and_shapes(input_shape, output_shape, summed, einsum, kernel, result):
    layer = DenseEinsum(output_shape=output_shape, num_summed_dimensions=summed)
    inputs = tf_keras.Input(shape=input_shape[1:])
    outputs = layer(inputs)
    assert layer._einsum_string == einsum
    assert tuple(layer._kernel_shape) == kernel == tuple(layer._kernel.shape)
    assert outputs.shape.as_list() == result
    assert layer.compute_output_shape(input_shape).as_list() == result


def test_variables_and_their_names():
    layer = DenseEinsum(output_shape=(2, 3), name="dense")
    layer.build((None, 5, 4))
    assert [(v.name, tuple(v.shape)) for v in layer.weights] == [("kernel:0", (4, 2, 3)), ("bias:0", (2, 3))]
    assert layer._kernel is layer.weights[0]
    assert layer._bias is layer.weights[1]


def test_equals_a_matrix_product():
    layer = DenseEinsum(output_shape=(2, 3), activation="relu", bias_initializer="normal")
    inputs = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    outputs = layer(inputs)
    product = inputs.reshape(20, 6) @ layer._kernel.numpy().reshape(6, 6)
    expected = np.maximum(product.reshape(4, 5, 2, 3) + layer._bias.numpy(), 0)
    assert_close(outputs, expected)


def test_without_bias_there_is_none():
    layer = DenseEinsum(output_shape=3, use_bias=False)
    layer(np.zeros((1, 2, 4), np.float32))
    assert layer._bias is None
    assert len(layer.weights) == 1


def test_options_reach_the_weights():
    layer = DenseEinsum(
        output_shape=3,
        kernel_initializer="ones",
        bias_initializer="ones",
        kernel_regularizer="l2",
        bias_regularizer="l1",
        activity_regularizer="l2",
        kernel_constraint="non_neg",
    )
    outputs = layer(np.ones((1, 2), np.float32))
    assert_close(outputs, 3 * np.ones((1, 3)))
    assert len(layer.losses) == 3
    assert layer._kernel.constraint is not None


def test_an_unknown_argument_is_refused():
    with pytest.raises(TypeError):
        DenseEinsum(output_shape=3, kernel_initialiser="ones")


def test_dtype_float16():
    assert DenseEinsum(output_shape=3, dtype=tf.float16)(np.ones((1, 2), np.float16)).dtype == tf.float16
