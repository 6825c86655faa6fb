"""Rewrites TensorFlow's segment operations, for rewrites.py.

tf2onnx computes something else of segments without members, and of negative ones.
"""

import tensorflow as tf

from bertferry.export.onnx.functions import NodeDef

raw = tf.raw_ops
UNSORTED = ("UnsortedSegmentSum", "UnsortedSegmentProd", "UnsortedSegmentMax", "UnsortedSegmentMin")
SORTED = ("SegmentSum", "SegmentMean", "SegmentProd", "SegmentMax", "SegmentMin")


def unsorted_segments(node: NodeDef, data: tf.Tensor, ids: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """TensorFlow drops negative segments; in ONNX they would count from the end.

    The maximum of a segment without members is the least number of its type; tf2onnx has -inf.
    """
    ids, wide_count = raw.Cast(x=ids, DstT=tf.int64), raw.Cast(x=count, DstT=tf.int64)
    outside = raw.LogicalNot(x=raw.GreaterEqual(x=ids, y=tf.constant(0, tf.int64)))
    ids = raw.SelectV2(condition=outside, t=wide_count, e=ids)
    more = raw.AddV2(x=wide_count, y=tf.constant(1, tf.int64))
    reduced = getattr(raw, node.op)(data=data, segment_ids=ids, num_segments=more)
    if node.op == "UnsortedSegmentMax" and data.dtype.is_floating:
        reduced = raw.Maximum(x=reduced, y=tf.constant(data.dtype.min, data.dtype))
    if node.op == "UnsortedSegmentMin" and data.dtype.is_floating:
        reduced = raw.Minimum(x=reduced, y=tf.constant(data.dtype.max, data.dtype))
    end = raw.Reshape(tensor=wide_count, shape=tf.constant([1]))
    begin, strides = tf.constant([0], tf.int64), tf.constant([1], tf.int64)
    return raw.StridedSlice(input=reduced, begin=begin, end=end, strides=strides)


def sorted_segments(node: NodeDef, data: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """The segments up to the last id; those without members are 0, or 1 for a product."""
    ids = raw.Cast(x=ids, DstT=tf.int64)
    last = raw.Max(input=ids, axis=tf.constant([0]), keep_dims=True)
    count = raw.AddV2(x=last, y=tf.constant([1], tf.int64))
    scalar = raw.Reshape(tensor=count, shape=tf.constant([], tf.int32))
    kind = node.op.removeprefix("Segment").replace("Mean", "Sum")
    reduced = getattr(raw, f"UnsortedSegment{kind}")(data=data, segment_ids=ids, num_segments=scalar)
    if kind == "Prod" or node.op == "SegmentSum":
        return reduced
    ones = raw.OnesLike(x=data)
    members = raw.UnsortedSegmentSum(data=ones, segment_ids=ids, num_segments=scalar)
    zero, one = tf.constant(0, data.dtype), tf.constant(1, data.dtype)
    if node.op == "SegmentMean":
        return raw.RealDiv(x=reduced, y=raw.Maximum(x=members, y=one))
    return raw.SelectV2(condition=raw.Equal(x=members, y=zero), t=zero, e=reduced)
