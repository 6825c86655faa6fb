"""What TensorFlow's operations on lists compute, on a tensor [N, …] of all elements, for dense_lists.py.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/TensorListReserve and its neighbors.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from bertferry.core.errors import DataError
from bertferry.export.onnx.functions import NodeDef

raw = tf.raw_ops
Rewrite = Callable[..., tf.Tensor | Sequence[tf.Tensor]]


def _vector(number: tf.Tensor) -> tf.Tensor:
    return raw.Reshape(tensor=number, shape=tf.constant([1]))


def _length(values: tf.Tensor) -> tf.Tensor:
    """The number of elements, [1]."""
    return _slice(raw.Shape(input=values), 0, 1)


def _slice(values: tf.Tensor, begin: int | tf.Tensor, end: int | tf.Tensor | None) -> tf.Tensor:
    """The elements from one number to another, or to the last."""
    limits = [_vector(tf.constant(number) if isinstance(number, int) else number) for number in (begin, end or 0)]
    ones = tf.constant([1])
    return raw.StridedSlice(
        input=values, begin=limits[0], end=limits[1], strides=ones, end_mask=1 if end is None else 0
    )


def _zeros(count: tf.Tensor, shape: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    dims = raw.ConcatV2(values=[_vector(count), shape], axis=tf.constant(0))
    return raw.Fill(dims=dims, value=tf.constant(0, dtype))


def _element_shape(node: NodeDef, shape: tf.Tensor) -> tf.Tensor:
    value = tf.get_static_value(shape)
    if value is None or value.ndim == 0 or (value < 0).any():
        raise DataError(
            f"{node.op} ({node.name}) has elements of unknown shape: give its TensorArray an element_shape"
        )
    return tf.constant(value.reshape(-1), tf.int32)


def _reserve(node: NodeDef, shape: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    return _zeros(count, _element_shape(node, shape), tf.as_dtype(node.attr["element_dtype"].type))


def _empty(node: NodeDef, shape: tf.Tensor, most: tf.Tensor) -> tf.Tensor:
    return _reserve(node, shape, tf.constant(0))


def _values(node: NodeDef, values: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    return raw.Identity(input=values)


def _grown(values: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """The list with at least a number of elements [1], those that it lacks being 0."""
    missing = raw.Maximum(x=raw.Sub(x=count, y=_length(values)), y=tf.constant([0]))
    zeros = _zeros(missing, _slice(raw.Shape(input=values), 1, None), values.dtype)
    return raw.ConcatV2(values=[values, zeros], axis=tf.constant(0))


def _set_item(node: NodeDef, values: tf.Tensor, index: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
    if node.attr["resize_if_index_out_of_bounds"].b:
        values = _grown(values, raw.AddV2(x=_vector(index), y=tf.constant([1])))
    indices = raw.Reshape(tensor=index, shape=tf.constant([1, 1]))
    updates = raw.ExpandDims(input=item, axis=tf.constant(0))
    return raw.TensorScatterUpdate(tensor=values, indices=indices, updates=updates)


def _get_item(node: NodeDef, values: tf.Tensor, index: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    return raw.GatherV2(params=values, indices=index, axis=tf.constant(0))


def _push(node: NodeDef, values: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
    return raw.ConcatV2(values=[values, raw.ExpandDims(input=item, axis=tf.constant(0))], axis=tf.constant(0))


def _pop(node: NodeDef, values: tf.Tensor, shape: tf.Tensor) -> Sequence[tf.Tensor]:
    last = raw.Sub(x=_length(values), y=tf.constant([1]))
    item = raw.GatherV2(params=values, indices=raw.Reshape(tensor=last, shape=_scalar()), axis=tf.constant(0))
    return _slice(values, 0, last), item


def _scalar() -> tf.Tensor:
    return tf.constant([], tf.int32)


def _count(node: NodeDef, values: tf.Tensor) -> tf.Tensor:
    return raw.Reshape(tensor=_length(values), shape=_scalar())


def _resize(node: NodeDef, values: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    return _slice(_grown(values, _vector(count)), 0, count)


def _joined(node: NodeDef, values: tf.Tensor, shape: tf.Tensor, leading: tf.Tensor) -> Sequence[tf.Tensor]:
    sizes = raw.Shape(input=values)
    rest = raw.ConcatV2(values=[tf.constant([-1]), _slice(sizes, 2, None)], axis=tf.constant(0))
    each = raw.Cast(x=raw.Reshape(tensor=_slice(sizes, 1, 2), shape=_scalar()), DstT=tf.int64)
    return raw.Reshape(tensor=values, shape=rest), raw.Fill(dims=_slice(sizes, 0, 1), value=each)


def _scatter_into(node: NodeDef, values: tf.Tensor, items: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    return raw.TensorScatterUpdate(
        tensor=values, indices=raw.ExpandDims(input=indices, axis=tf.constant(1)), updates=items
    )


LIST_OPERATIONS: dict[str, Rewrite] = {
    "TensorListReserve": _reserve,
    "EmptyTensorList": _empty,
    "TensorListFromTensor": _values,
    "TensorListSetItem": _set_item,
    "TensorListGetItem": _get_item,
    "TensorListPushBack": _push,
    "TensorListPopBack": _pop,
    "TensorListStack": _values,
    "TensorListLength": _count,
    "TensorListResize": _resize,
    "TensorListGather": _get_item,
    "TensorListConcatV2": _joined,
    "TensorListScatterIntoExistingList": _scatter_into,
}
