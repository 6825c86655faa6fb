"""Which type the delicate parts of a narrow network are computed in."""

import tensorflow as tf


def at_least_float32(dtype: str | tf.DType) -> tf.DType:
    """float32 for float16 and bfloat16, and the type itself where it is as wide."""
    given = tf.as_dtype(dtype)
    return tf.float32 if given.size < 4 else given
