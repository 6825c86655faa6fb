"""What TensorFlow's operations compute, written in operations that tf2onnx 1.17 translates rightly.

Each function takes the operation's node, for its attributes, and its inputs; it returns its outputs, or None where
tf2onnx's own translation is right. What an operation computes: https://www.tensorflow.org/api_docs/python/tf/raw_ops
"""

from collections.abc import Callable, Sequence
from string import ascii_lowercase

import tensorflow as tf

from bertferry.export.onnx.functions import NodeDef

Rewrite = Callable[..., tf.Tensor | Sequence[tf.Tensor] | None]
raw = tf.raw_ops
NARROW = {tf.int8: tf.int32, tf.int16: tf.int32, tf.uint8: tf.int32, tf.uint16: tf.int32, tf.uint32: tf.int64}
"""Wider types for integers that ONNX Runtime does not divide."""


def _widened(*tensors: tf.Tensor) -> list[tf.Tensor]:
    target = NARROW.get(tensors[0].dtype)
    return [tensor if target is None else raw.Cast(x=tensor, DstT=target) for tensor in tensors]


def _complement_of_erf(node: NodeDef, x: tf.Tensor) -> tf.Tensor:
    """TensorFlow traces exact gelu to Erfc, which tf2onnx lacks."""
    return raw.Sub(x=tf.constant(1, x.dtype), y=raw.Erf(x=x))


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


def _unsorted_segments(node: NodeDef, data: tf.Tensor, ids: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """TensorFlow drops negative segments; in ONNX they would count from the end."""
    ids, wide_count = raw.Cast(x=ids, DstT=tf.int64), raw.Cast(x=count, DstT=tf.int64)
    outside = raw.LogicalNot(x=raw.GreaterEqual(x=ids, y=tf.constant(0, tf.int64)))
    ids = raw.SelectV2(condition=outside, t=wide_count, e=ids)
    more = raw.AddV2(x=wide_count, y=tf.constant(1, tf.int64))
    reduced = getattr(raw, node.op)(data=data, segment_ids=ids, num_segments=more)
    end = raw.Reshape(tensor=wide_count, shape=tf.constant([1]))
    begin, strides = tf.constant([0], tf.int64), tf.constant([1], tf.int64)
    return raw.StridedSlice(input=reduced, begin=begin, end=end, strides=strides)


def _bucketize(node: NodeDef, x: tf.Tensor) -> tf.Tensor:
    """The number of boundaries that a value reaches, which tf2onnx lacks."""
    x = x if x.dtype.is_floating else raw.Cast(x=x, DstT=tf.float32)
    boundaries = tf.constant(list(node.attr["boundaries"].list.f), x.dtype)
    is_below = raw.Less(x=raw.ExpandDims(input=x, axis=tf.constant(-1)), y=boundaries)
    reached = raw.Cast(x=raw.LogicalNot(x=is_below), DstT=tf.int32)
    return raw.Sum(input=reached, axis=tf.constant([-1]))


def _bound(node: NodeDef, bounds: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """The number of a row's bounds below each value or, for the upper bound, not above it; tf2onnx lacks both."""
    bounds, values = (
        raw.ExpandDims(input=bounds, axis=tf.constant(1)),
        raw.ExpandDims(input=values, axis=tf.constant(2)),
    )
    counted = raw.Less(x=bounds, y=values) if node.op == "LowerBound" else raw.LessEqual(x=bounds, y=values)
    return raw.Sum(input=raw.Cast(x=counted, DstT=node.attr["out_type"].type), axis=tf.constant([-1]))


SEGMENTS = ("UnsortedSegmentSum", "UnsortedSegmentProd", "UnsortedSegmentMax", "UnsortedSegmentMin")
REWRITES: dict[str, Rewrite] = {
    "Erfc": _complement_of_erf,
    "FloorDiv": _floor_div,
    "FloorMod": _floor_mod,
    "OneHot": _one_hot,
    "ScatterNd": _scatter,
    "RightShift": _right_shift,
    "Einsum": _einsum,
    "Bucketize": _bucketize,
    "LowerBound": _bound,
    "UpperBound": _bound,
    **dict.fromkeys(SEGMENTS, _unsorted_segments),
}
