"""Sums and means of integers, which wrap around in TensorFlow.

ONNX Runtime adds them in float64 and clips the sum: sums above 2^53 are rounded, and those beyond the type's range
are its limits (https://onnxruntime.ai/docs/reference/operators/, ReduceSum; measured with 1.32).
"""

import tensorflow as tf

from bertferry.export.onnx.functions import NodeDef

raw = tf.raw_ops


def integer_sum(node: NodeDef, x: tf.Tensor, axis: tf.Tensor) -> tf.Tensor | None:
    """The sum, wrapped to its type."""
    return raw.Cast(x=_wide_sum(node, x, axis), DstT=x.dtype) if x.dtype.is_integer else None


def integer_mean(node: NodeDef, x: tf.Tensor, axis: tf.Tensor) -> tf.Tensor | None:
    """The sum in int64 by the number of values, rounded towards zero."""
    if not x.dtype.is_integer:
        return None
    total = _wide_sum(node, x, axis)
    count = raw.TruncateDiv(x=raw.Size(input=x, out_type=tf.int64), y=raw.Size(input=total, out_type=tf.int64))
    return raw.Cast(x=raw.TruncateDiv(x=total, y=count), DstT=x.dtype)


def sum_of_several(node: NodeDef, *terms: tf.Tensor) -> tf.Tensor | None:
    """ONNX adds several tensors at once only if they are floats."""
    if not terms[0].dtype.is_integer:
        return None
    total = terms[0]
    for term in terms[1:]:
        total = raw.AddV2(x=total, y=term)
    return total


def _wide_sum(node: NodeDef, x: tf.Tensor, axis: tf.Tensor) -> tf.Tensor:
    """The sum in int64; that of 64-bit integers by halves: float64 holds the sums of up to 2^21 of them."""
    keep = node.attr["keep_dims"].b
    wide = raw.Cast(x=x, DstT=tf.int64)
    if x.dtype.size < tf.int64.size:
        return raw.Sum(input=wide, axis=axis, keep_dims=keep)
    half = tf.constant(2**32, tf.int64)
    high = raw.TruncateDiv(x=wide, y=half)
    low = raw.Sub(x=wide, y=raw.Mul(x=high, y=half))
    high, low = (raw.Sum(input=part, axis=axis, keep_dims=keep) for part in (high, low))
    return raw.AddV2(x=raw.Mul(x=high, y=half), y=low)
