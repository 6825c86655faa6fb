"""The transformer block against its formula with every weight random, and its float16 form."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from closeness import assert_close

from bertferry.modeling.activations import gelu_tanh
from bertferry.modeling.layers import Transformer

FAMILY = {
    "kernel_initializer": tf_keras.initializers.TruncatedNormal(stddev=0.02),
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l1",
    "activity_regularizer": "l2",
    "kernel_constraint": "non_neg",
    "bias_constraint": "unit_norm",
}


@pytest.fixture
def data():
    return np.random.default_rng(0).normal(size=[2, 5, 8]).astype(np.float32)


@pytest.fixture
def mask():
    mask = np.ones([2, 5, 5], np.int32)
    mask[1, :, 3:] = 0
    return mask


def make(**arguments):
    return Transformer(num_attention_heads=2, intermediate_size=12, intermediate_activation=gelu_tanh, **arguments)


def layer_norm(x, gamma, beta):
    mean = x.mean(-1, keepdims=True)
    variance = np.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-12) * gamma + beta


def softmax(scores):
    exponentials = np.exp(scores - scores.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def reference(layer, data, mask):
    """The block in NumPy, from the layer's weights."""
    weights = {variable.name.split("/", 1)[1].removesuffix(":0"): variable.numpy() for variable in layer.weights}

    def part(place):
        return weights[f"{place}/kernel"], weights[f"{place}/bias"]

    def norm(x, place):
        return layer_norm(x, weights[f"{place}/gamma"], weights[f"{place}/beta"])

    query, key, value = (
        np.einsum("bsh,hnd->bnsd", data, kernel) + bias[:, np.newaxis]
        for kernel, bias in map(part, ("self_attention/query", "self_attention/key", "self_attention/value"))
    )
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1]) - 10000.0 * (1 - mask[:, np.newaxis])
    kernel, bias = part("self_attention_output")
    attended = np.einsum("bnsd,ndh->bsh", softmax(scores) @ value, kernel) + bias
    normed = norm(attended + data, "self_attention_layer_norm")
    kernel, bias = part("intermediate")
    inner = gelu_tanh(normed @ kernel + bias).numpy()
    kernel, bias = part("output")
    return norm(inner @ kernel + bias + normed, "output_layer_norm")


def test_it_computes_a_post_layer_norm_block(fill, data, mask):
    layer = make(dropout_rate=0.5, attention_dropout_rate=0.5)
    layer([data, mask])
    fill(layer)
    output = layer([data, mask])
    assert_close(output, reference(layer, data, mask))
    assert_close(layer(data), reference(layer, data, np.ones_like(mask)))
    assert not np.allclose(layer([data, mask], training=True), output)


def test_fresh_kernels_differ_under_one_initializer(data):
    layer = make(kernel_initializer=tf_keras.initializers.TruncatedNormal())
    layer(data)
    kernels = [variable.numpy().ravel() for variable in layer.weights if "kernel" in variable.name]
    assert len({kernel[:8].tobytes() for kernel in kernels}) == len(kernels) == 6


@pytest.mark.parametrize("shape", [(2, 5), (2, 4, 4), (3, 5, 5), (2, 1, 5, 5)])
def test_a_mask_of_another_shape_is_refused_in_every_call(data, mask, shape):
    layer = make()
    layer([data, mask])
    with pytest.raises(ValueError, match="When passing a mask tensor"):
        layer([data, np.ones(shape, np.int32)])


def test_float16_agrees_with_float32(fill, data, mask):
    wide, narrow = make(), make(dtype="float16")
    wide([data, mask]), narrow([data.astype(np.float16), mask])
    fill(wide)
    narrow.set_weights(wide.get_weights())
    output = narrow([data.astype(np.float16), mask])
    assert_close(output, wide([data, mask]), "fp16")


def test_float16_residual_sums_and_norms_are_float32():
    """2048 + 0.9 is 2048 in float16: the LayerNorm would see a constant row, and ε is zero there."""
    layer = make(dtype="float16")
    constant = np.full([1, 1, 8], 2048.0, np.float16)
    layer(constant)
    layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    layer._attention_layer_norm.gamma.assign(np.ones(8))
    layer._output_layer_norm.gamma.assign(np.ones(8))
    np.testing.assert_array_equal(layer(constant), np.zeros([1, 1, 8]))

    ramp = np.linspace(0, 0.9, 8).astype(np.float16)
    layer._attention_output_dense._bias.assign(ramp)
    assert_close(layer(constant)[0, 0], layer_norm(ramp.astype(np.float32), 1, 0), "fp16")


def test_regularizers_and_constraints_reach_every_dense_layer(fill, data):
    layer = make(**FAMILY)
    layer(data)
    fill(layer)
    output = layer(data)
    kernels, biases = (
        [v.numpy() for v in layer.weights if v.name.endswith(f"{part}:0")] for part in ("kernel", "bias")
    )
    expected = [
        *(0.01 * np.sum(kernel**2) for kernel in kernels),
        *(0.01 * np.sum(np.abs(bias)) for bias in biases),
        0.01 * np.sum(np.square(output)) / len(data),
    ]
    assert len(expected) == 13
    assert_close(np.sort(np.float32(layer.losses)), sorted(expected))

    tf_keras.optimizers.SGD(0.0).apply_gradients([(tf.zeros_like(v), v) for v in layer.weights])
    assert all(v.numpy().min() >= 0 for v in layer.weights if "kernel" in v.name)
    output_bias = layer._output_dense._bias
    assert_close(np.linalg.norm(output_bias), 1)


def test_it_rebuilds_with_its_whole_configuration(fill, data, mask):
    layer = make(dropout_rate=0.2, attention_dropout_rate=0.3, **FAMILY)
    layer([data, mask])
    fill(layer)
    copy = Transformer.from_config(layer.get_config())
    copy([data, mask])
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy([data, mask]), layer([data, mask]))
    assert len(copy.losses) == 13
    assert copy.get_config() == layer.get_config()
