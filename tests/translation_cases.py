"""Functions that stock tf2onnx 1.17 translates to something else, or not at all, with inputs that show it."""

import numpy as np
import tensorflow as tf
from saved_functions import spec

BIG = 2**24
INTEGERS = np.array([[-9, -7, -1, 0], [1, 5, 7, 8], [BIG, BIG + 1, -BIG - 1, -(2**31)]], np.int64)
FLOATS = np.array([[-7.5, -0.3, 0.0, 1.0], [0.7, 2.1, 1e8, -1e8], [0.3, -1.0, 6.0, 3.0]], np.float32)
ODD = np.array([[-1.0, 0.0, 4.0, np.nan], [np.inf, -np.inf, 1.0, -4.0]], np.float32)


def narrow(dtype):
    limits = np.iinfo(dtype.as_numpy_dtype)
    return np.array([[limits.min, limits.min + 1, 3, limits.max]], dtype.as_numpy_dtype)


def unary(function, values):
    """A function of `x`, and its input."""
    values = np.asarray(values)
    return function, [spec("x", None, *values.shape[1:], dtype=tf.as_dtype(values.dtype))], {"x": values}


CASES = {
    "floor division of int32": unary(lambda x: (x // 7, x // -7), INTEGERS.astype(np.int32)),
    "floor division of int64": unary(lambda x: (x // 7, x // -7), INTEGERS),
    "floor division of int8": unary(lambda x: (x // 7,), narrow(tf.int8)),
    "floor division of uint8": unary(lambda x: (x // 7,), narrow(tf.uint8)),
    "floor division of float32": unary(lambda x: (x // 0.7,), FLOATS),
    "modulus of int32": unary(lambda x: (x % 7, x % -7), INTEGERS.astype(np.int32)),
    "modulus of int64": unary(lambda x: (x % 7, x % -7), INTEGERS),
    "modulus of float32": unary(lambda x: (x % 0.1, x % -7.0), FLOATS),
    "truncated modulus": unary(lambda x: (tf.truncatemod(x, tf.constant(7, x.dtype)),), INTEGERS),
    "comparison of int64": unary(lambda x: (x > BIG, x < BIG + 1, x >= BIG + 1, x <= BIG), INTEGERS),
    "comparison of int32": unary(lambda x: (x > BIG, x < BIG + 1), INTEGERS.astype(np.int32)),
    "comparison of uint32": unary(lambda x: (x > 3, x <= 3), narrow(tf.uint32)),
    "comparison of int8": unary(lambda x: (x > 3, x < 3, x >= 3, x <= 3), narrow(tf.int8)),
    "sums of int64": unary(lambda x: (tf.reduce_sum(x, 1), tf.reduce_mean(x, 1)), 2**62 + INTEGERS),
    "sums of int32": unary(
        lambda x: (tf.reduce_sum(x), tf.reduce_mean(x, 0)),
        (2**31 - 9 + np.eye(3, dtype=np.int64)).astype(np.int32),
    ),
    "sums of int8": unary(lambda x: (tf.reduce_sum(x, 1, True), tf.reduce_mean(x, [0, 1])), narrow(tf.int8)),
    "several terms of int32": unary(lambda x: (tf.add_n([x, x, x]),), INTEGERS.astype(np.int32)),
    "sort of int64": unary(lambda x: (tf.sort(x), tf.argsort(x)), INTEGERS + 2**53),
    "top_k of int32 with ties": unary(
        lambda x: tuple(tf.math.top_k(x, 3)), np.array([[BIG + 1, BIG, 3, BIG + 1]], np.int32)
    ),
    "top_k of float64": unary(lambda x: tuple(tf.math.top_k(x, 2)), np.array([[1.0, 1.0 + 1e-12, 0.5]])),
    "top_k of uint8": unary(lambda x: tuple(tf.math.top_k(x, 2)), np.array([[1, 255, 7]], np.uint8)),
    "top_k of float16": unary(lambda x: tuple(tf.math.top_k(x, 2)), np.array([[1, 255, 7]], np.float16)),
    "one_hot": unary(lambda x: (tf.one_hot(x, 5),), np.array([[-1, 0, 4, 5, -5, 99]], np.int64)),
    "one_hot of integers": unary(
        lambda x: (tf.one_hot(x, 5, 7, -7, axis=1),), np.array([[-1, 0, 4, 5]], np.int32)
    ),
    "one_hot of flags": unary(lambda x: (tf.one_hot(x, 5, True, False),), np.array([-1, 2, 9], np.int32)),
    "one_hot of bytes": unary(lambda x: (tf.one_hot(x, 200),), np.array([0, 199, 255], np.uint8)),
    "scatter with duplicates": unary(
        lambda x: (tf.scatter_nd([[0], [1], [0]], x, [4]),), np.array([1.0, 2.0, 4.0], np.float32)
    ),
    "segments with negative ids": unary(
        lambda x: (tf.math.unsorted_segment_sum(tf.ones([3]), x, 4),), np.array([-1, 0, 2], np.int32)
    ),
    "shift of int8": unary(lambda x: (tf.bitwise.right_shift(x, tf.constant(1, tf.int8)),), narrow(tf.int8)),
    "einsum with capitals": unary(lambda x: (tf.einsum("aA,Ab->ab", x, tf.ones([4, 2])),), FLOATS),
    "where beside infinity": unary(lambda x: (tf.where(x > 0, tf.math.log(x), 0.0),), ODD),
    "where instead of NaN": unary(lambda x: (tf.where(tf.math.is_nan(x), 0.0, x),), ODD),
    "buckets": unary(lambda x: (tf.raw_ops.Bucketize(input=x, boundaries=[-1.0, 0.0, 2.0]),), ODD),
    "buckets of integers": unary(lambda x: (tf.raw_ops.Bucketize(input=x, boundaries=[-1.0, 7.0]),), INTEGERS),
    "segments without members": unary(
        lambda x: tuple(
            getattr(tf.math, f"segment_{name}")(x, [0, 0, 3]) for name in ("sum", "mean", "prod", "max", "min")
        ),
        FLOATS,
    ),
    "segments of integers": unary(
        lambda x: (tf.math.segment_max(x, [0, 2, 2]), tf.math.segment_mean(x, [0, 2, 2])),
        INTEGERS.astype(np.int32),
    ),
    "greatest and least of no members": unary(
        lambda x: (
            tf.math.unsorted_segment_max(x, [0, 0, 2], 3),
            tf.math.unsorted_segment_min(x, [0, 0, 2], 3),
        ),
        FLOATS,
    ),
    "diagonals": unary(
        lambda x: (
            tf.linalg.diag(x),
            tf.linalg.diag(x, k=-1, padding_value=7.0),
            tf.linalg.set_diag(tf.ones([tf.shape(x)[0], 4, 5]), x),
            tf.linalg.set_diag(tf.ones([tf.shape(x)[0], 5, 4]), x, k=-1),
        ),
        FLOATS[:1],
    ),
    "bounds": unary(
        lambda x: tuple(tf.searchsorted([[-5.0, 0.0, 0.0, 7.0]] * 3, x, side=side) for side in ("left", "right")),
        FLOATS,
    ),
    "bounds of int64": unary(
        lambda x: (tf.searchsorted(np.array([[-5, 0, BIG, BIG + 1]] * 3), x, out_type=tf.int64),), INTEGERS
    ),
    "logarithms and norms that tf2onnx lacks": unary(
        lambda x: (
            tf.math.log1p(tf.abs(x)),
            tf.math.expm1(-tf.abs(x)),
            tf.math.reduce_euclidean_norm(x, 1),
            tf.nn.l2_loss(x),
            tf.math.xlogy(tf.nn.relu(x), tf.abs(x)),
            tf.math.xdivy(tf.nn.relu(x), x),
            tf.math.multiply_no_nan(tf.math.log(-tf.abs(x)), tf.nn.relu(x)),
        ),
        np.array([[-7.5, -0.3, 0.0, 1.0], [0.7, 2.1, 3.0, -1.0]], np.float32),
    ),
    "cross entropies": unary(
        lambda x: (
            tf.nn.sparse_softmax_cross_entropy_with_logits([0, 1, 3], x),
            tf.nn.softmax_cross_entropy_with_logits(tf.one_hot([0, 1, 3], 4), x),
        ),
        FLOATS * 300,
    ),
    "fake quantization": unary(
        lambda x: (
            tf.quantization.fake_quant_with_min_max_args(x),
            tf.quantization.fake_quant_with_min_max_vars(x, -1.0, 1.5, num_bits=4, narrow_range=True),
        ),
        FLOATS,
    ),
    "exact gelu": unary(lambda x: (tf.nn.gelu(x),), FLOATS),
}


def serving(function):
    """The function as a signature, whose outputs are numbered."""
    return lambda x: {f"y{place}": value for place, value in enumerate(function(x))}
