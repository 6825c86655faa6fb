"""Rewrites TensorFlow's segment operations, for rewrites.py.

tf2onnx computes something else of segments without members, and of negative ones.
"""

import tensorflow as tf

from bertferry.export.onnx.functions import NodeDef

raw = tf.raw_ops
UNSORTED = ("UnsortedSegmentSum", "UnsortedSegmentProd", "UnsortedSegmentMax", "UnsortedSegmentMin")
SORTED = ("SegmentSum", "SegmentMean", "SegmentProd", "SegmentMax", "SegmentMin")
SCATTERS = {"Sum": raw.TensorScatterAdd, "Max": raw.TensorScatterMax, "Min": raw.TensorScatterMin}
"""What adds, or takes the greatest or least, of integers, exactly."""


def unsorted_segments(node: NodeDef, data: tf.Tensor, ids: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """TensorFlow drops negative segments; in ONNX they would count from the end.

    The maximum of a segment without members is the least number of its type; tf2onnx has -inf. It sums integers as
    floats, and has no maximum of them.
    """
    ids, wide_count = raw.Cast(x=ids, DstT=tf.int64), raw.Cast(x=count, DstT=tf.int64)
    outside = raw.LogicalNot(x=raw.GreaterEqual(x=ids, y=tf.constant(0, tf.int64)))
    ids = raw.SelectV2(condition=outside, t=wide_count, e=ids)
    more = raw.AddV2(x=wide_count, y=tf.constant(1, tf.int64))
    kind = node.op.removeprefix("UnsortedSegment")
    reduced = (_scattered if data.dtype.is_integer and kind in SCATTERS else _reduced)(kind, data, ids, more)
    end = raw.Reshape(tensor=wide_count, shape=tf.constant([1]))
    begin, strides = tf.constant([0], tf.int64), tf.constant([1], tf.int64)
    return raw.StridedSlice(input=reduced, begin=begin, end=end, strides=strides)


def _reduced(kind: str, data: tf.Tensor, ids: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    reduced = getattr(raw, f"UnsortedSegment{kind}")(data=data, segment_ids=ids, num_segments=count)
    if kind == "Max" and data.dtype.is_floating:
        return raw.Maximum(x=reduced, y=tf.constant(data.dtype.min, data.dtype))
    if kind == "Min" and data.dtype.is_floating:
        return raw.Minimum(x=reduced, y=tf.constant(data.dtype.max, data.dtype))
    return reduced


def _scattered(kind: str, data: tf.Tensor, ids: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """The segments of integers, scattered into what a segment without members is."""
    rank = raw.Shape(input=raw.Shape(input=ids))
    ones = tf.constant([1])
    rest = raw.StridedSlice(
        input=raw.Shape(input=data), begin=rank, end=tf.constant([0]), strides=ones, end_mask=1
    )
    count = raw.Cast(x=raw.Reshape(tensor=count, shape=ones), DstT=tf.int32)
    shape = raw.ConcatV2(values=[count, rest], axis=tf.constant(0))
    first = {"Sum": 0, "Max": data.dtype.min, "Min": data.dtype.max}[kind]
    start = raw.Fill(dims=shape, value=tf.constant(first, data.dtype))
    return SCATTERS[kind](tensor=start, indices=raw.ExpandDims(input=ids, axis=tf.constant(-1)), updates=data)


def sorted_segments(node: NodeDef, data: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """The segments up to the last id; those without members are 0, or 1 for a product."""
    ids = raw.Cast(x=ids, DstT=tf.int64)
    last = raw.Max(input=ids, axis=tf.constant([0]), keep_dims=True)
    count = raw.AddV2(x=last, y=tf.constant([1], tf.int64))
    scalar = raw.Reshape(tensor=count, shape=tf.constant([], tf.int32))
    kind = node.op.removeprefix("Segment").replace("Mean", "Sum")
    reduce = _scattered if data.dtype.is_integer and kind in SCATTERS else _reduced
    reduced = reduce(kind, data, ids, scalar)
    if kind == "Prod" or node.op == "SegmentSum":
        return reduced
    ones = raw.OnesLike(x=data)
    members = reduce("Sum", ones, ids, scalar)
    zero, one = tf.constant(0, data.dtype), tf.constant(1, data.dtype)
    if node.op == "SegmentMean":
        divide = raw.RealDiv if data.dtype.is_floating else raw.TruncateDiv
        return divide(x=reduced, y=raw.Maximum(x=members, y=one))
    return raw.SelectV2(condition=raw.Equal(x=members, y=zero), t=zero, e=reduced)
