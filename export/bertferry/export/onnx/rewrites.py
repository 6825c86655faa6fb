"""What TensorFlow's operations compute, written in operations that tf2onnx 1.17 translates rightly.

Each function takes the operation's node, for its attributes, and its inputs; it returns its outputs, or None where
tf2onnx's own translation is right. What an operation computes: https://www.tensorflow.org/api_docs/python/tf/raw_ops
"""

from collections.abc import Callable, Sequence
from string import ascii_lowercase

import tensorflow as tf

from bertferry.export.onnx.diagonals import matrix_of_diagonal, with_diagonal
from bertferry.export.onnx.functions import NodeDef
from bertferry.export.onnx.integer_sums import integer_mean, integer_sum, sum_of_several
from bertferry.export.onnx.lacking import LACKING
from bertferry.export.onnx.numerics import (
    cross_entropy,
    fake_quantization,
    fake_quantization_of_attributes,
    sparse_cross_entropy,
)
from bertferry.export.onnx.segments import SORTED, UNSORTED, sorted_segments, unsorted_segments

Rewrite = Callable[..., tf.Tensor | Sequence[tf.Tensor] | None]
raw = tf.raw_ops
NARROW = {tf.int8: tf.int32, tf.int16: tf.int32, tf.uint8: tf.int32, tf.uint16: tf.int32, tf.uint32: tf.int64}
"""Wider types for integers that ONNX Runtime does not divide."""


def _widened(*tensors: tf.Tensor) -> list[tf.Tensor]:
    target = NARROW.get(tensors[0].dtype)
    return [tensor if target is None else raw.Cast(x=tensor, DstT=target) for tensor in tensors]


def _differs_in_sign(remainder: tf.Tensor, divisor: tf.Tensor) -> tf.Tensor:
    """Whether a remainder is not zero and has another sign than the divisor: rounding down then differs by one."""
    zero = tf.constant(0, remainder.dtype)
    negative = [raw.LogicalNot(x=raw.GreaterEqual(x=x, y=zero)) for x in (remainder, divisor)]
    return raw.LogicalAnd(x=raw.NotEqual(x=remainder, y=zero), y=raw.NotEqual(x=negative[0], y=negative[1]))


def _floor_div(node: NodeDef, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor | None:
    """tf2onnx divides integers with Div, which rounds towards zero."""
    if not x.dtype.is_integer:
        return None
    wide_x, wide_y = _widened(x, y)
    quotient = raw.TruncateDiv(x=wide_x, y=wide_y)
    remainder = raw.Sub(x=wide_x, y=raw.Mul(x=quotient, y=wide_y))
    less = raw.Sub(x=quotient, y=tf.constant(1, quotient.dtype))
    result = raw.SelectV2(condition=_differs_in_sign(remainder, wide_y), t=less, e=quotient)
    return result if result.dtype == x.dtype else raw.Cast(x=result, DstT=x.dtype)


def _floor_mod(node: NodeDef, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """tf2onnx subtracts a multiple of y found by division: truncated for integers, rounded for floats."""
    wide_x, wide_y = _widened(x, y)
    remainder = raw.TruncateMod(x=wide_x, y=wide_y)
    more = raw.AddV2(x=remainder, y=wide_y)
    result = raw.SelectV2(condition=_differs_in_sign(remainder, wide_y), t=more, e=remainder)
    return result if result.dtype == x.dtype else raw.Cast(x=result, DstT=x.dtype)


def _one_hot(node: NodeDef, indices: tf.Tensor, depth: tf.Tensor, on: tf.Tensor, off: tf.Tensor) -> tf.Tensor:
    """ONNX counts negative indices from the end; TensorFlow has no row for them."""
    indices = raw.Cast(x=indices, DstT=tf.int64)
    wide_depth = raw.Cast(x=depth, DstT=tf.int64)
    axis = node.attr["axis"].i
    if axis == -1:
        rows = raw.Range(start=tf.constant(0, tf.int64), limit=wide_depth, delta=tf.constant(1, tf.int64))
        is_row = raw.Equal(x=raw.ExpandDims(input=indices, axis=tf.constant(-1)), y=rows)
        return raw.SelectV2(condition=is_row, t=on, e=off)
    outside = raw.LogicalNot(x=raw.GreaterEqual(x=indices, y=tf.constant(0, tf.int64)))
    indices = raw.SelectV2(condition=outside, t=wide_depth, e=indices)
    hot = raw.OneHot(
        indices=indices, depth=depth, on_value=tf.constant(1.0), off_value=tf.constant(0.0), axis=axis
    )
    return raw.SelectV2(condition=raw.Cast(x=hot, DstT=tf.bool), t=on, e=off)


def _scatter(node: NodeDef, indices: tf.Tensor, updates: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """TensorFlow adds the updates of one place; tf2onnx keeps one of them."""
    zeros = raw.Fill(dims=shape, value=tf.constant(0, updates.dtype))
    return raw.TensorScatterAdd(tensor=zeros, indices=indices, updates=updates)


def _cumsum(node: NodeDef, x: tf.Tensor, axis: tf.Tensor) -> tf.Tensor | None:
    """ONNX has running sums of no narrow integers."""
    if x.dtype not in NARROW:
        return None
    options = {name: node.attr[name].b for name in ("exclusive", "reverse")}
    return raw.Cast(x=raw.Cumsum(x=raw.Cast(x=x, DstT=NARROW[x.dtype]), axis=axis, **options), DstT=x.dtype)


def _right_shift(node: NodeDef, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor | None:
    """tf2onnx shifts int8 as uint8, which loses its sign."""
    if x.dtype != tf.int8:
        return None
    wide = raw.RightShift(x=raw.Cast(x=x, DstT=tf.int32), y=raw.Cast(x=y, DstT=tf.int32))
    return raw.Cast(x=wide, DstT=x.dtype)


def _einsum(node: NodeDef, *inputs: tf.Tensor) -> tf.Tensor | None:
    """tf2onnx takes `A` and `a` for the same axis."""
    equation = node.attr["equation"].s.decode()
    upper = sorted({letter for letter in equation if letter.isupper()})
    free = [letter for letter in ascii_lowercase if letter not in equation]
    if not upper or len(upper) > len(free):
        return None
    for old, new in zip(upper, free, strict=False):
        equation = equation.replace(old, new)
    return raw.Einsum(inputs=inputs, equation=equation)


REWRITES: dict[str, Rewrite] = {
    "FloorDiv": _floor_div,
    "FloorMod": _floor_mod,
    "OneHot": _one_hot,
    "ScatterNd": _scatter,
    "RightShift": _right_shift,
    "Cumsum": _cumsum,
    "Sum": integer_sum,
    "Mean": integer_mean,
    "AddN": sum_of_several,
    "Einsum": _einsum,
    **LACKING,
    **dict.fromkeys(UNSORTED, unsorted_segments),
    **dict.fromkeys(SORTED, sorted_segments),
    "SoftmaxCrossEntropyWithLogits": cross_entropy,
    "SparseSoftmaxCrossEntropyWithLogits": sparse_cross_entropy,
    "FakeQuantWithMinMaxArgs": fake_quantization_of_attributes,
    "FakeQuantWithMinMaxVars": fake_quantization,
    "MatrixDiagV3": matrix_of_diagonal,
    "MatrixSetDiagV3": with_diagonal,
}
