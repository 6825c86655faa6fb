"""The type in which the sensitive parts of a low-precision network are computed."""

import tensorflow as tf


def at_least_float32(dtype: str | tf.DType) -> tf.DType:
    """float32 for float16 and bfloat16; any type at least as wide is returned as it is."""
    dtype = tf.as_dtype(dtype)
    return tf.float32 if dtype.size < 4 else dtype
