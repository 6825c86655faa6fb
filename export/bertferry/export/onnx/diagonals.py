"""Rewrites operations on diagonals, for rewrites.py: tf2onnx drops a batch of one, or uses operations of others.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/MatrixDiagV3
"""

import tensorflow as tf

from bertferry.export.onnx.functions import NodeDef

raw = tf.raw_ops
DEFAULT = -1


def matrix_of_diagonal(
    node: NodeDef, diagonal: tf.Tensor, k: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor, padding: tf.Tensor
) -> tf.Tensor | None:
    """Matrices with one diagonal, the main one of which is 0, [..., N] to [..., N + |k|, N + |k|]."""
    number = _number(k)
    if number is None or any(_number(size) != DEFAULT for size in (rows, columns)):
        return None
    size = raw.AddV2(x=_size(diagonal, -1), y=tf.constant(abs(number)))
    return raw.SelectV2(condition=_is_on(number, size, size), t=_spread(diagonal, number, size), e=padding)


def with_diagonal(node: NodeDef, matrix: tf.Tensor, diagonal: tf.Tensor, k: tf.Tensor) -> tf.Tensor | None:
    """Matrices [..., M, N] with another diagonal."""
    number = _number(k)
    if number is None:
        return None
    rows, columns = _size(matrix, -2), _size(matrix, -1)
    return raw.SelectV2(condition=_is_on(number, rows, columns), t=_spread(diagonal, number, rows), e=matrix)


def _number(k: tf.Tensor) -> int | None:
    """A constant number; None if it is unknown, or a band."""
    value = tf.get_static_value(k)
    return int(value.reshape(-1)[0]) if value is not None and value.size == 1 else None


def _size(values: tf.Tensor, axis: int) -> tf.Tensor:
    """The size of an axis, counted from the end."""
    return raw.StridedSlice(
        input=raw.Shape(input=values),
        begin=tf.constant([axis]),
        end=tf.constant([axis + 1]),
        strides=tf.constant([1]),
        shrink_axis_mask=1,
    )


def _range(size: tf.Tensor) -> tf.Tensor:
    return raw.Range(start=tf.constant(0), limit=size, delta=tf.constant(1))


def _is_on(number: int, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Whether an element [M, N] is on the diagonal."""
    place = raw.ExpandDims(input=_range(rows), axis=tf.constant(1))
    return raw.Equal(x=raw.AddV2(x=place, y=tf.constant(number)), y=_range(columns))


def _spread(diagonal: tf.Tensor, number: int, rows: tf.Tensor) -> tf.Tensor:
    """The element of the diagonal in each row [..., M, 1]; any in rows that have none."""
    last = raw.Sub(x=_size(diagonal, -1), y=tf.constant(1))
    place = raw.AddV2(x=_range(rows), y=tf.constant(min(number, 0)))
    place = raw.Minimum(x=raw.Maximum(x=place, y=tf.constant(0)), y=last)
    spread = raw.GatherV2(params=diagonal, indices=place, axis=tf.constant(-1))
    return raw.ExpandDims(input=spread, axis=tf.constant(-1))
