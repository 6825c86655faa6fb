"""Layers whose `call` runs as written, without AutoGraph."""

import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def plain_call(call: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps AutoGraph from rewriting a layer's `call`, which branches on no tensor.

    A rewritten function is compiled from a source file in the temporary folder, and that file remains there if the
    process is killed. The signature is kept, since Keras reads the arguments of `call` from it.
    """
    plain = tf.autograph.experimental.do_not_convert(call)
    plain.__signature__ = inspect.signature(call)
    return plain
