"""Turns TensorFlow's write errors into what they are: errors of the operating system."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf


@contextmanager
def system_errors() -> Iterator[None]:
    """Turns TensorFlow's errors in the body into OSError, a full disk into ENOSPC."""
    try:
        yield
    except tf.errors.OpError as error:
        full = isinstance(error, tf.errors.ResourceExhaustedError) or "No space left" in error.message
        raise OSError(errno.ENOSPC if full else errno.EIO, error.message.splitlines()[0]) from error
