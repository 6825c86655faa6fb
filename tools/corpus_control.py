"""SavedModels with loops over TensorArrays, tables, and of TensorFlow 1, for tools/saved_models.py."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from corpus_modules import Made, X, spec

ROWS = spec("x", 4, 4)
TEXTS = spec("x", None, dtype=tf.string)
Write = Callable[[tf.Tensor, tf.TensorArray, tf.Tensor], tf.TensorArray]


def _array(write: Write, size: int = 4, first: int = 0, step: int = 1, **options: Any) -> Callable[[], Made]:
    """A loop that writes the rows of its input [4, 4] to a TensorArray."""

    def serve(x: tf.Tensor) -> tf.Tensor:
        array = tf.TensorArray(tf.float32, size, element_shape=[4], **options)
        return tf.while_loop(lambda k, _: k < 4, lambda k, array: (k + step, write(k, array, x)), [first, array])[
            1
        ].stack()

    return lambda: (serve, [ROWS], [])


def _grown() -> Made:
    def serve(x: tf.Tensor) -> tf.Tensor:
        array = tf.TensorArray(tf.float32, 0, dynamic_size=True, element_shape=[4])
        return tf.while_loop(
            lambda k, _: k < tf.shape(x)[0], lambda k, array: (k + 1, array.write(k, x[k] * 2)), [0, array]
        )[1].stack()

    return serve, [X], []


def _autograph() -> Made:
    @tf.function
    def sum_until(x: tf.Tensor) -> tf.Tensor:
        total = tf.zeros([4])
        for row in x:
            if tf.reduce_sum(row) < 0:
                continue
            total += row
            if tf.reduce_sum(total) > 3:
                break
        return total

    return lambda x: sum_until(x), [X], []


def _fibonacci() -> Made:
    def serve(n: tf.Tensor) -> tf.Tensor:
        return tf.while_loop(lambda k, *_: k < n, lambda k, a, b: (k + 1, b, a + b), [0, 0, 1])[1]

    return serve, [spec("n", dtype=tf.int32)], []


def _concatenating() -> Made:
    shapes = [tf.TensorShape([]), tf.TensorShape([None, 4])]

    def serve(x: tf.Tensor) -> tf.Tensor:
        return tf.while_loop(lambda k, _: k < 3, lambda k, h: (k + 1, tf.concat([h, h[:1]], 0)), [0, x], shapes)[1]

    return serve, [X], []


def _table(keys: tf.DType, values: tf.DType) -> Callable[[], Made]:
    def of(dtype: tf.DType) -> tf.Tensor:
        return tf.constant(["a", "b", "c"] if dtype == tf.string else [3, 7, 9], dtype)

    def make() -> Made:
        default = tf.constant("?" if values == tf.string else -1, values)
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(of(keys), of(values)), default)
        return lambda x: table.lookup(x), [spec("x", None, dtype=keys)], [table]

    return make


def _text_table() -> tf.lookup.StaticHashTable:
    initializer = tf.lookup.KeyValueTensorInitializer(["a", "über", ""], tf.constant([1, 2, 3], tf.int64))
    return tf.lookup.StaticHashTable(initializer, -1)


def _table_in_loop() -> Made:
    table = _text_table()

    def serve(x: tf.Tensor) -> tf.Tensor:
        zeros = tf.zeros(tf.shape(x), tf.int64)
        return tf.while_loop(lambda k, _: k < 3, lambda k, total: (k + 1, total + table.lookup(x)), [0, zeros])[1]

    return serve, [TEXTS], [table]


def _table_in_branch() -> Made:
    table = _text_table()

    def serve(x: tf.Tensor) -> tf.Tensor:
        return tf.cond(tf.size(x) > 2, lambda: table.lookup(x), lambda: table.lookup(x) + table.size())

    return serve, [TEXTS], [table]


def _vectors() -> Made:
    table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, [0.0, 1.0])
    table.insert(tf.constant([3, 7], tf.int64), [[1.0, 2.0], [3.0, 4.0]])
    return lambda x: table.lookup(x), [spec("x", None, dtype=tf.int64)], [table]


def _empty_table() -> Made:
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    return lambda x: table.lookup(x), [TEXTS], [table]


def _changing_table() -> Made:
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)

    def serve(x: tf.Tensor) -> tf.Tensor:
        table.insert(x, tf.zeros(tf.shape(x), tf.int64))
        return table.lookup(x)

    return serve, [TEXTS], [table]


def _buckets() -> Made:
    initializer = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([0, 1], tf.int64))
    table = tf.lookup.StaticVocabularyTable(initializer, 2)
    return lambda x: table.lookup(x), [TEXTS], [table]


def _labels() -> Made:
    numbers = tf.range(4, dtype=tf.int64)
    initializer = tf.lookup.KeyValueTensorInitializer(numbers, tf.constant(["cat", "dog", "cow", "pig"]))
    table = tf.lookup.StaticHashTable(initializer, "?")
    return lambda x: table.lookup(tf.argmax(x, 1)), [X], [table]


MODULES: Mapping[str, Callable[[], Made]] = {
    "scan from the end": lambda: (
        lambda x: tf.scan(lambda a, row: a * 0.5 + row, x, tf.zeros([4]), reverse=True),
        [X],
        [],
    ),
    "foldl, foldr": lambda: (
        lambda x: {
            "left": tf.foldl(lambda a, row: a * 0.5 + row, x, tf.zeros([4])),
            "right": tf.foldr(lambda a, row: a * 0.5 + row, x, tf.zeros([4])),
        },
        [X],
        [],
    ),
    "TensorArray": _array(lambda k, array, x: array.write(k, x[k] * 2)),
    "TensorArray, every other": _array(lambda k, array, x: array.write(k, x[k]), step=2),
    "TensorArray, from the second": _array(lambda k, array, x: array.write(k, x[k]), first=1),
    "TensorArray, two writes a step": _array(lambda k, array, x: array.write(k, x[k]).write(k + 1, -x[k]), step=2),
    "TensorArray, read back": _array(
        lambda k, array, x: array.write(k, x[k]).write(k, array.read(0) + x[k]), clear_after_read=False
    ),
    "TensorArray that grows": _grown,
    "TensorArray outside of loops": lambda: (
        lambda x: tf.TensorArray(tf.float32, 4).unstack(x).read(2),
        [ROWS],
        [],
    ),
    "loop that AutoGraph leaves": _autograph,
    "loop of three variables": _fibonacci,
    "loop over a growing tensor": _concatenating,
    "table from integers to integers": _table(tf.int64, tf.int64),
    "table from integers to floats": _table(tf.int64, tf.float32),
    "table from integers to texts": _table(tf.int64, tf.string),
    "table from texts to texts": _table(tf.string, tf.string),
    "table from int32 to floats": _table(tf.int32, tf.float32),
    "table from texts to int32": _table(tf.string, tf.int32),
    "table of labels": _labels,
    "table in a loop": _table_in_loop,
    "table in a branch": _table_in_branch,
    "table of vectors": _vectors,
    "table without entries": _empty_table,
    "table that changes": _changing_table,
    "table with buckets": _buckets,
}


def save_tf1(path: Path) -> None:
    """Saves a graph of TensorFlow 1: variables by reference, a loop, a branch."""
    v1 = tf.compat.v1
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [None, 4], "x")
        kernel = v1.get_variable("kernel", initializer=np.ones((4, 2), np.float32) / 3, use_resource=False)
        bias = v1.get_variable("bias", initializer=[0.5, -0.5], use_resource=False)
        looped = v1.while_loop(lambda k, _: k < 3, lambda k, h: (k + 1, tf.tanh(h) * 2), [0, x])[1]
        y = v1.cond(
            tf.reduce_sum(x) > 0, lambda: tf.matmul(looped, kernel), lambda: tf.matmul(looped, kernel) + bias
        )
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            v1.saved_model.simple_save(session, str(path), {"x": x}, {"y": y})
