"""SavedModels of plain tf.Modules, for tools/saved_models.py: a function, its inputs, and what it tracks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

Made = tuple[Callable[..., Any], list[Any], list[Any]]


def spec(name: str, *shape: int | None, dtype: tf.DType = tf.float32) -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype, name)


X = spec("x", None, 4)
IDS = spec("ids", None, None, dtype=tf.int32)


def normal(*shape: int, seed: int = 1) -> tf.Variable:
    return tf.Variable(np.random.default_rng(seed).normal(size=shape).astype(np.float32) * 0.5)


def _while() -> Made:
    weight = normal(4, 4)

    def serve(x: tf.Tensor, n: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.while_loop(lambda k, _: k < n, lambda k, h: (k + 1, tf.tanh(h @ weight)), [0, x])[1]}

    return serve, [X, spec("n", dtype=tf.int32)], [weight]


def _cond() -> Made:
    first, second = normal(4, 3), normal(4, 3, seed=2)
    return lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: x @ first, lambda: x @ second), [X], [first, second]


def _nested_loops() -> Made:
    weight = normal(4, 4)

    def inner(h: tf.Tensor) -> tf.Tensor:
        return tf.while_loop(lambda k, _: k < 2, lambda k, h: (k + 1, h @ weight), [0, h])[1]

    def serve(x: tf.Tensor) -> tf.Tensor:
        return tf.while_loop(
            lambda k, _: k < 3,
            lambda k, h: (k + 1, tf.cond(tf.reduce_mean(h) > 0, lambda: inner(h), lambda: tf.tanh(h))),
            [0, x],
        )[1]

    return serve, [X], [weight]


def _switch() -> Made:
    kernels = [normal(4, 2, seed=seed) for seed in range(3)]

    def serve(x: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        return tf.switch_case(index, [lambda kernel=kernel: x @ kernel for kernel in kernels])

    return serve, [X, spec("index", dtype=tf.int32)], kernels


def _map_fn() -> Made:
    weight = normal(4, 3)
    return lambda x: tf.map_fn(lambda row: tf.linalg.matvec(weight, row, transpose_a=True), x), [X], [weight]


def _scan() -> Made:
    return lambda x: tf.scan(lambda a, row: a * 0.5 + row, x), [X], []


def _reversed_array() -> Made:
    def serve(x: tf.Tensor) -> tf.Tensor:
        array = tf.TensorArray(tf.float32, 3, element_shape=[4])

        def step(k: tf.Tensor, array: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            return k + 1, array.write(2 - k, x[k] * tf.cast(k + 1, tf.float32))

        return tf.while_loop(lambda k, _: k < 3, step, [0, array])[1].stack()

    return serve, [spec("x", 3, 4)], []


def _early_stop() -> Made:
    def serve(x: tf.Tensor) -> tf.Tensor:
        array = tf.TensorArray(tf.float32, 4, element_shape=[])

        def step(k: tf.Tensor, array: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            return k + 1, array.write(k, x[k])

        def is_going(k: tf.Tensor, _: tf.TensorArray) -> tf.Tensor:
            return (k < 4) & (x[tf.minimum(k, 3)] > -0.5)

        return tf.while_loop(is_going, step, [0, array])[1].stack()

    return serve, [spec("x", 4)], []


def _compiled() -> Made:
    weight = normal(4, 4)
    product = tf.function(lambda x: x @ weight, jit_compile=True)
    return lambda x: product(product(x)), [X], [weight]


def _counter() -> Made:
    count, weight = tf.Variable(0, dtype=tf.int64), normal(4, 2)

    def serve(x: tf.Tensor) -> tf.Tensor:
        count.assign_add(1)
        return x @ weight

    return serve, [X], [count, weight]


def _state() -> Made:
    total = tf.Variable(0.0, name="total")

    def serve(x: tf.Tensor) -> tf.Tensor:
        return total.assign_add(tf.reduce_sum(x))

    return serve, [X], [total]


def _ragged() -> Made:
    table = normal(30, 4)

    def serve(ids: tf.RaggedTensor) -> tf.Tensor:
        return tf.reduce_mean(tf.ragged.map_flat_values(lambda one: tf.gather(table, one), ids), 1)

    return serve, [tf.RaggedTensorSpec([None, None], tf.int32)], [table]


def _string_table() -> Made:
    initializer = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([1, 2], tf.int64))
    table = tf.lookup.StaticHashTable(initializer, -1)
    return lambda s: table.lookup(s), [spec("s", None, dtype=tf.string)], [table]


def _embedding_of_floats() -> Made:
    table, dense = normal(100, 8), normal(8, 2)
    return lambda ids: tf.reduce_mean(tf.gather(table, ids), 1) @ dense, [IDS], [table, dense]


def _float64() -> Made:
    weight = tf.Variable(np.random.default_rng(1).normal(size=(4, 3)))
    return lambda x: tf.nn.softmax(x @ weight), [spec("x", None, 4, dtype=tf.float64)], [weight]


def _float16() -> Made:
    weight = tf.Variable(np.random.default_rng(1).normal(size=(4, 3)).astype(np.float16))
    return lambda x: tf.nn.relu(x @ weight), [spec("x", None, 4, dtype=tf.float16)], [weight]


def _bfloat16() -> Made:
    weight = tf.Variable(tf.cast(np.random.default_rng(1).normal(size=(4, 3)), tf.bfloat16))
    return lambda x: tf.cast(tf.cast(x, tf.bfloat16) @ weight, tf.float32), [X], [weight]


def _beam() -> Made:
    """A greedy decoder: a loop that looks up what it chose before."""
    table, output = normal(12, 8), normal(8, 12, seed=2)

    def serve(start: tf.Tensor) -> tf.Tensor:
        def step(k: tf.Tensor, ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            hidden = tf.gather(table, ids[:, -1]) @ output
            chosen = tf.argmax(hidden, -1, output_type=tf.int32)
            return k + 1, tf.concat([ids, chosen[:, None]], 1)

        shapes = [tf.TensorShape([]), tf.TensorShape([None, None])]
        return tf.while_loop(lambda k, _: k < 4, step, [0, start[:, None]], shapes)[1]

    return serve, [spec("start", None, dtype=tf.int32)], [table, output]


INTEGERS = spec("x", None, 4, dtype=tf.int32)
LONG = spec("x", None, 4, dtype=tf.int64)
MODULES: dict[str, Callable[[], Made]] = {
    "while with a weight": _while,
    "cond with weights": _cond,
    "loop in a branch in a loop": _nested_loops,
    "switch_case": _switch,
    "map_fn": _map_fn,
    "scan": _scan,
    "TensorArray, backwards": _reversed_array,
    "TensorArray, early stop": _early_stop,
    "jit_compile": _compiled,
    "counter": _counter,
    "state": _state,
    "ragged": _ragged,
    "table of strings": _string_table,
    "embedding": _embedding_of_floats,
    "float64": _float64,
    "float16": _float16,
    "bfloat16": _bfloat16,
    "greedy decoder": _beam,
    "floor division, modulus": lambda: (lambda x: {"d": x // 7, "m": x % -7}, [INTEGERS], []),
    "comparison of int64": lambda: (lambda x: {"g": x > 2**24, "l": x < 2**24}, [LONG], []),
    "sort, top_k of int64": lambda: (lambda x: {"s": tf.sort(x), "t": tf.math.top_k(x, 2)[1]}, [LONG], []),
    "argmax, ties": lambda: (lambda x: {"a": tf.argmax(x, 1), "i": tf.argmin(x, 1)}, [X], []),
    "one_hot": lambda: (lambda x: tf.one_hot(x, 5), [INTEGERS], []),
    "where, NaN": lambda: (lambda x: tf.where(tf.math.is_nan(x), 0.0, x), [X], []),
    "log, sqrt": lambda: (lambda x: {"l": tf.math.log(x), "s": tf.sqrt(x)}, [X], []),
    "unique": lambda: (lambda x: tf.unique(x)[0], [spec("x", None, dtype=tf.int32)], []),
    "cumsum, cumprod": lambda: (lambda x: {"s": tf.cumsum(x, 1), "p": tf.math.cumprod(x, 1)}, [X], []),
    "scatter_nd": lambda: (
        lambda x: tf.scatter_nd([[0], [2], [0]], x, [4]),
        [spec("x", 3)],
        [],
    ),
    "segments": lambda: (
        lambda x: tf.math.unsorted_segment_sum(tf.ones([3]), x, 4),
        [spec("x", 3, dtype=tf.int32)],
        [],
    ),
    "einsum with capitals": lambda: (lambda x: tf.einsum("aA,bA->ab", x, x), [X], []),
    "image resizing": lambda: (
        lambda x: {method: tf.image.resize(x, [7, 9], method) for method in ("bilinear", "nearest")},
        [spec("x", None, 16, 16, 3)],
        [],
    ),
    "image resizing by area": lambda: (
        lambda x: tf.image.resize(x, [7, 9], "area"),
        [spec("x", None, 16, 16, 3)],
        [],
    ),
    "image resizing, bicubic": lambda: (
        lambda x: tf.image.resize(x, [7, 9], "bicubic"),
        [spec("x", None, 16, 16, 3)],
        [],
    ),
    "image resizing with antialias": lambda: (
        lambda x: tf.image.resize(x, [7, 9], antialias=True),
        [spec("x", None, 16, 16, 3)],
        [],
    ),
    "scan with an initial value": lambda: (
        lambda x: tf.scan(lambda a, row: a * 0.5 + row, x, tf.zeros([4])),
        [X],
        [],
    ),
    "vectorized_map": lambda: (lambda x: tf.vectorized_map(lambda row: tf.reduce_sum(row * row), x), [X], []),
    "no inputs": lambda: (lambda: tf.constant([1.0, 2.0]) * 3, [], []),
    "bytes of an image": lambda: (
        lambda x: tf.cast(x, tf.float32) / 255.0,
        [spec("x", None, 8, 8, 3, dtype=tf.uint8)],
        [],
    ),
    "sparse": lambda: (
        lambda x: tf.sparse.reduce_sum(x, 1),
        [tf.SparseTensorSpec([None, 4], tf.float32)],
        [],
    ),
    "bitwise": lambda: (
        lambda x: {"and": tf.bitwise.bitwise_and(x, 6), "right": tf.bitwise.right_shift(x, 1)},
        [INTEGERS],
        [],
    ),
    "texts pass through": lambda: (lambda s, x: {"t": s, "y": x}, [spec("s", None, dtype=tf.string), X], []),
    "lengths of texts": lambda: (lambda s: tf.strings.length(s), [spec("s", None, dtype=tf.string)], []),
    "dropout in training": lambda: (lambda x: tf.nn.dropout(x, 0.5), [X], []),
    "output named like the input": lambda: (lambda x: {"x": x, "y": x + 1}, [X], []),
    "constant output": lambda: (lambda x: {"c": tf.constant([1.0, 2.0]), "y": x}, [X], []),
    "empty output": lambda: (lambda x: tf.where(x > 1e30), [X], []),
    "complex numbers": lambda: (lambda x: tf.abs(tf.signal.rfft(x)), [spec("x", None, 16)], []),
    "numerics": lambda: (lambda x: {"e": tf.math.erf(x), "g": tf.math.lgamma(tf.abs(x) + 1)}, [X], []),
    "linear algebra": lambda: (
        lambda x: {"b": tf.linalg.band_part(x, 1, 1), "d": tf.linalg.diag_part(x)},
        [spec("x", None, 4, 4)],
        [],
    ),
}


def save(make: Callable[[], Made], path: Path) -> None:
    """Saves a function as the default signature of a module."""
    function, specs, tracked = make()
    module = tf.Module()
    module.tracked = tracked

    def serve(*inputs: Any) -> Any:  # noqa: ANN401 - whatever the function takes and returns
        result = function(*inputs)
        return result if isinstance(result, dict) else {"y": result}

    module.serve = tf.function(serve, input_signature=specs, autograph=False)
    tf.saved_model.save(module, str(path), {"serving_default": module.serve})
