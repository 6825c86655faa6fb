"""Faults of values in the graphs of others, for translation_faults.py: integers, comparisons, indices, floats.

Each is its name, what should be computed, what is computed, the inputs, and the weights.
"""

from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from corpus_modules import normal, spec

Function = Callable[..., Any]
LARGE = 2**24
FLOATS = (spec("x", None, 4),)
INTS = (spec("x", None, 4, dtype=tf.int32),)
LONGS = (spec("x", None, 4, dtype=tf.int64),)


def _through(dtype: tf.DType, function: Function) -> Function:
    """The function on its input converted to another type."""
    return lambda x: function(tf.cast(x, dtype))


def integers() -> Iterator[tuple[Any, ...]]:
    seven = tf.constant(7, tf.int32)
    yield "quotient rounded to zero", lambda x: x // 7, lambda x: tf.truncatediv(x, seven), INTS
    yield "remainder with the dividend's sign", lambda x: x % 7, lambda x: tf.truncatemod(x, seven), INTS
    yield "remainder with a positive sign", lambda x: x % -7, lambda x: x % 7, INTS
    yield (
        "quotient through float32",
        lambda x: x // 3,
        lambda x: tf.cast(tf.cast(x, tf.float32) // 3, x.dtype),
        INTS,
    )
    yield (
        "sum through float32",
        lambda x: tf.reduce_sum(x, 1),
        lambda x: _as(x, tf.reduce_sum(_float(x), 1)),
        LONGS,
    )
    yield "product saturates", lambda x: x * 65537, _saturated_product, INTS
    yield "int64 through int32", lambda x: x + 1, lambda x: _as(x, tf.cast(x, tf.int32)) + 1, LONGS
    yield "int64 through float64", lambda x: x + 1, lambda x: _as(x, tf.cast(x, tf.float64) + 1), LONGS
    yield "shift fills with zeros", lambda x: tf.bitwise.right_shift(x, 1), _logical_shift, INTS
    yield "cast rounds", lambda x: tf.cast(x, tf.int32), lambda x: tf.cast(tf.round(x), tf.int32), FLOATS
    yield "cast to bytes saturates", lambda x: tf.cast(x, tf.uint8), lambda x: tf.saturate_cast(x, tf.uint8), INTS
    yield "mean rounded down", lambda x: tf.reduce_mean(x, 1), lambda x: tf.reduce_sum(x, 1) // 4, INTS


def _float(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(x, tf.float32)


def _as(x: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    return tf.cast(values, x.dtype)


def _saturated_product(x: tf.Tensor) -> tf.Tensor:
    return _as(x, tf.clip_by_value(tf.cast(x, tf.int64) * 65537, tf.int32.min, tf.int32.max))


def _logical_shift(x: tf.Tensor) -> tf.Tensor:
    return _as(x, (tf.cast(x, tf.int64) & 0xFFFFFFFF) // 2)


def comparisons() -> Iterator[tuple[Any, ...]]:
    for name, function, specs in (
        ("greater", lambda x: x > _as(x, tf.constant(LARGE)), LONGS),
        ("equal", lambda x: tf.equal(x, x[:, ::-1]), LONGS),
        ("less or equal", lambda x: x <= _as(x, tf.constant(LARGE)), INTS),
        ("top_k", lambda x: tf.math.top_k(x, 2)[1], LONGS),
        ("argsort", lambda x: tf.argsort(x, stable=True), LONGS),
        ("argmax", lambda x: tf.argmax(x, 1), LONGS),
    ):
        yield f"{name} through float32", function, _through(tf.float32, function), specs
    yield "sort through float32", tf.sort, lambda x: _as(x, tf.sort(_float(x))), LONGS
    yield (
        "maximum through float32",
        lambda x: tf.reduce_max(x, 1),
        lambda x: _as(x, tf.reduce_max(_float(x), 1)),
        LONGS,
    )
    yield "greater for greater or equal", lambda x: x >= 0, lambda x: x > 0, INTS
    yield (
        "float64 through float32",
        lambda x: tf.argmax(x, 1),
        _through(tf.float32, lambda x: tf.argmax(x, 1)),
        (spec("x", None, 4, dtype=tf.float64),),
    )
    yield "the last of equal maxima", lambda x: tf.argmax(x, 1), lambda x: 3 - tf.argmax(x[:, ::-1], 1), FLOATS
    yield (
        "sorted, not first, values of unique",
        lambda x: tf.unique(x)[0],
        lambda x: tf.sort(tf.unique(x)[0]),
        (spec("x", None, dtype=tf.int32),),
    )
    yield "bounds of searchsorted", _search("left"), _search("right"), (spec("x", None, dtype=tf.int32),)
    yield "NaN is greater", lambda x: (x > 0) & (x == x), lambda x: ~(x <= 0), FLOATS
    yield "halves are rounded up", tf.round, lambda x: tf.floor(x + 0.5), FLOATS


def _search(side: str) -> Function:
    return lambda x: tf.searchsorted(tf.constant([-1, 0, 1, 5]), x, side=side)


def indices() -> Iterator[tuple[Any, ...]]:
    table, ids = normal(30, 4), (spec("ids", None, dtype=tf.int32),)
    other = (spec("x", 3), spec("ids", 3, dtype=tf.int32))
    yield "indices clamped below the last row", lambda i: tf.gather(table, i), _clamped(table, 0, 28), ids, table
    yield "indices clamped above the first row", lambda i: tf.gather(table, i), _clamped(table, 1, 29), ids, table
    yield (
        "indices one too large",
        lambda i: tf.gather(table, i),
        lambda i: tf.gather(table, (i + 1) % 30),
        ids,
        table,
    )
    yield "row 0 is padding", lambda i: tf.gather(table, i), _padded(table), ids, table
    yield "-1 is the last of one_hot", lambda i: tf.one_hot(i, 5), lambda i: tf.one_hot(i % 5, 5), ids
    yield "one_hot clamps", lambda i: tf.one_hot(i, 5), lambda i: tf.one_hot(tf.clip_by_value(i, 0, 4), 5), ids
    yield "scatter keeps one of several", _scattered, lambda x, i: _last_scattered(x, i), other
    yield "negative segments count from the end", _segments, lambda x, i: _segments(x, i % 4), other
    yield "a slice ends early", lambda x: x[:, 1:], lambda x: x[:, 1:-1], FLOATS
    yield "a slice begins early", lambda x: x[:, 1:3], lambda x: x[:, 0:2], FLOATS
    yield (
        "gather along another axis",
        lambda x: tf.gather(x, [1, 0, 2], axis=1),
        lambda x: tf.gather(x, [1, 0, 2]),
        (spec("x", 3, 3),),
    )


def _clamped(table: tf.Variable, low: int, high: int) -> Function:
    return lambda ids: tf.gather(table, tf.clip_by_value(ids, low, high))


def _padded(table: tf.Variable) -> Function:
    return lambda ids: tf.gather(table, ids) * tf.cast(ids > 0, tf.float32)[:, None]


def _scattered(x: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    return tf.tensor_scatter_nd_add(tf.zeros([4]), (ids % 4)[:, None], x)


def _last_scattered(x: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    return tf.tensor_scatter_nd_update(tf.zeros([4]), (ids % 4)[:, None], x)


def _segments(x: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    return tf.math.unsorted_segment_sum(x, ids, 4)


def floats() -> Iterator[tuple[Any, ...]]:
    kernel = normal(4, 4)
    wide = normal(4, 16)  # noise is judged from 16 values on
    yield "a kernel transposed", lambda x: x @ kernel, lambda x: x @ tf.transpose(kernel), FLOATS, kernel
    yield (
        "sample variance",
        lambda x: tf.math.reduce_variance(x, 1),
        lambda x: tf.math.reduce_variance(x, 1) * 4 / 3,
        FLOATS,
    )
    yield "ε left out", lambda x: _norm(x, 1e-3), lambda x: _norm(x, 1e-12), FLOATS
    yield "gelu approximated", tf.nn.gelu, lambda x: tf.nn.gelu(x, True), FLOATS
    yield (
        "softmax overflows",
        tf.nn.softmax,
        lambda x: tf.exp(x) / tf.reduce_sum(tf.exp(x), -1, keepdims=True),
        FLOATS,
    )
    yield (
        "NaN becomes 0",
        lambda x: tf.where(tf.math.is_nan(x), x, x * 2),
        lambda x: tf.where(tf.math.is_nan(x), 0.0, x * 2),
        FLOATS,
    )
    yield (
        "what is not chosen spoils it",
        lambda x: tf.where(x > 0, tf.math.log(x), 0.0),
        lambda x: tf.math.log(x) * tf.cast(x > 0, tf.float32),
        FLOATS,
    )
    yield "negative values clipped", lambda x: x * 1.0, tf.nn.relu, FLOATS
    yield "clipped at 6", tf.nn.relu, tf.nn.relu6, FLOATS
    yield (
        "products of float16",
        lambda x: x @ wide,
        lambda x: _float(tf.cast(x, tf.float16) @ tf.cast(wide, tf.float16)),
        FLOATS,
        wide,
    )
    yield (
        "float64 computed in float32",
        lambda x: tf.exp(x),
        lambda x: tf.cast(tf.exp(_float(x)), tf.float64),
        (spec("x", None, 4, dtype=tf.float64),),
    )


def _norm(x: tf.Tensor, epsilon: float) -> tf.Tensor:
    mean, variance = tf.nn.moments(x, [1], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + epsilon)
