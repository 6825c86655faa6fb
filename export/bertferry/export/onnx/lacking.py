"""Operations that tf2onnx 1.17 lacks, written in those that it has, for rewrites.py."""

from collections.abc import Callable

import tensorflow as tf

from bertferry.export.onnx.functions import NodeDef

raw = tf.raw_ops


def _complement_of_erf(node: NodeDef, x: tf.Tensor) -> tf.Tensor:
    """TensorFlow traces exact gelu to Erfc, which tf2onnx lacks."""
    return raw.Sub(x=tf.constant(1, x.dtype), y=raw.Erf(x=x))


def _log1p(node: NodeDef, x: tf.Tensor) -> tf.Tensor:
    return raw.Log(x=raw.AddV2(x=x, y=tf.constant(1, x.dtype)))


def _expm1(node: NodeDef, x: tf.Tensor) -> tf.Tensor:
    return raw.Sub(x=raw.Exp(x=x), y=tf.constant(1, x.dtype))


def _euclidean_norm(node: NodeDef, x: tf.Tensor, axis: tf.Tensor) -> tf.Tensor:
    squares = raw.Sum(input=raw.Square(x=x), axis=axis, keep_dims=node.attr["keep_dims"].b)
    return raw.Sqrt(x=squares)


def _l2_loss(node: NodeDef, x: tf.Tensor) -> tf.Tensor:
    squares = raw.Square(x=raw.Reshape(tensor=x, shape=tf.constant([-1])))
    return raw.Mul(x=raw.Sum(input=squares, axis=tf.constant([0])), y=tf.constant(0.5, x.dtype))


def _zero_where(zero: tf.Tensor, otherwise: tf.Tensor) -> tf.Tensor:
    nothing = tf.constant(0, zero.dtype)
    return raw.SelectV2(condition=raw.Equal(x=zero, y=nothing), t=nothing, e=otherwise)


def _x_log_y(node: NodeDef, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return _zero_where(x, raw.Mul(x=x, y=raw.Log(x=y)))


def _x_div_y(node: NodeDef, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return _zero_where(x, raw.RealDiv(x=x, y=y))


def _multiply_no_nan(node: NodeDef, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return _zero_where(y, raw.Mul(x=x, y=y))


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


LACKING: dict[str, Callable[..., tf.Tensor]] = {
    "Erfc": _complement_of_erf,
    "Log1p": _log1p,
    "Expm1": _expm1,
    "EuclideanNorm": _euclidean_norm,
    "L2Loss": _l2_loss,
    "Xlogy": _x_log_y,
    "Xdivy": _x_div_y,
    "MulNoNan": _multiply_no_nan,
    "Bucketize": _bucketize,
    "LowerBound": _bound,
    "UpperBound": _bound,
}
