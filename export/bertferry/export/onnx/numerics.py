"""Rewrites losses and fake quantization, for rewrites.py: tf2onnx's overflow, or round to other steps."""

from collections.abc import Sequence

import tensorflow as tf

from bertferry.export.onnx.functions import NodeDef

raw = tf.raw_ops


def cross_entropy(node: NodeDef, logits: tf.Tensor, labels: tf.Tensor) -> Sequence[tf.Tensor]:
    """Loss [B] and its gradient [B, C]; tf2onnx takes the logarithm of a softmax that may be 0."""
    last = tf.constant([-1])
    log = raw.LogSoftmax(logits=logits)
    loss = raw.Neg(x=raw.Sum(input=raw.Mul(x=labels, y=log), axis=last))
    return loss, raw.Sub(x=raw.Softmax(logits=logits), y=labels)


def sparse_cross_entropy(node: NodeDef, logits: tf.Tensor, labels: tf.Tensor) -> Sequence[tf.Tensor]:
    """The same of integers [B]."""
    classes = raw.StridedSlice(
        input=raw.Shape(input=logits),
        begin=tf.constant([-1]),
        end=tf.constant([0]),
        strides=tf.constant([1]),
        shrink_axis_mask=1,
    )
    one, zero = tf.constant(1, logits.dtype), tf.constant(0, logits.dtype)
    return cross_entropy(node, logits, raw.OneHot(indices=labels, depth=classes, on_value=one, off_value=zero))


def fake_quantization_of_attributes(node: NodeDef, x: tf.Tensor) -> tf.Tensor:
    """Rounds to the steps between two numbers."""
    return fake_quantization(node, x, tf.constant(node.attr["min"].f), tf.constant(node.attr["max"].f))


def fake_quantization(node: NodeDef, x: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    """The range is moved so that 0 is a step; halves are rounded up.

    https://www.tensorflow.org/api_docs/python/tf/quantization/fake_quant_with_min_max_args
    """
    first = tf.constant(float(node.attr["narrow_range"].b))
    last = tf.constant(float(2 ** node.attr["num_bits"].i - 1))
    scale = raw.RealDiv(x=raw.Sub(x=high, y=low), y=raw.Sub(x=last, y=first))
    zero = raw.Sub(x=first, y=raw.RealDiv(x=low, y=scale))
    zero = raw.Floor(x=raw.AddV2(x=zero, y=tf.constant(0.5)))
    zero = raw.Minimum(x=raw.Maximum(x=zero, y=first), y=last)
    low = raw.Mul(x=raw.Sub(x=first, y=zero), y=scale)
    high = raw.Mul(x=raw.Sub(x=last, y=zero), y=scale)
    shifted = raw.Sub(x=raw.Minimum(x=raw.Maximum(x=x, y=low), y=high), y=low)
    steps = raw.Floor(x=raw.AddV2(x=raw.RealDiv(x=shifted, y=scale), y=tf.constant(0.5)))
    return raw.AddV2(x=raw.Mul(x=steps, y=scale), y=low)
