"""Faults of control flow in the graphs of others, for translation_faults.py: branches, loops, state, shapes.

Each is its name, what should be computed, what is computed, the inputs, and the weights.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from corpus_modules import normal, spec

Function = Callable[..., Any]
FLOATS = (spec("x", None, 4),)
SEQUENCE = (spec("x", None, 5, 3),)


def branches() -> Iterator[tuple[Any, ...]]:
    first, second = normal(4, 3), normal(4, 3, seed=2)
    one, two = (lambda x: x @ first), (lambda x: x @ second)
    for name, condition in (
        ("branches swapped", lambda x: tf.reduce_sum(x) <= 0),
        ("always the first branch", lambda x: tf.reduce_sum(x) < np.inf),
        ("always the second branch", lambda x: tf.reduce_sum(x) > np.inf),
        ("the condition sees the first row", lambda x: tf.reduce_sum(x[0]) > 0),
    ):
        yield (
            name,
            _cond(lambda x: tf.reduce_sum(x) > 0, one, two),
            _cond(condition, one, two),
            FLOATS,
            first,
            second,
        )
    yield (
        "equality takes the other branch",
        _cond(lambda x: tf.reduce_sum(x) > 0, tf.exp, tf.sin),
        _cond(lambda x: tf.reduce_sum(x) >= 0, tf.exp, tf.sin),
        FLOATS,
    )
    index = (*FLOATS, spec("i", dtype=tf.int32))
    functions = [lambda x: x, lambda x: x * 2, lambda x: -x]
    yield "cases shifted", _case(functions), _case([*functions[1:], functions[0]]), index
    yield (
        "the first case is the default",
        _case(functions),
        lambda x, i: _case(functions)(x, tf.where((i < 0) | (i > 2), 0, i)),
        index,
    )
    yield (
        "rows chosen for the whole",
        lambda x: tf.where(x[:, :1] > 0, x, -x),
        lambda x: tf.where(x[0, 0] > 0, x, -x),
        FLOATS,
    )


def _cond(condition: Function, first: Function, second: Function) -> Function:
    return lambda x: tf.cond(condition(x), lambda: first(x), lambda: second(x))


def _case(functions: list[Function]) -> Function:
    return lambda x, i: tf.switch_case(i, [lambda one=one: one(x) for one in functions])


def loops() -> Iterator[tuple[Any, ...]]:
    counted = (*FLOATS, spec("n", dtype=tf.int32))
    for name, first, more in (("one step less", 1, 0), ("one step more", 0, 1), ("two at a time", 0, None)):
        yield name, _steps(0, 0), _steps(first, more), counted
    yield "at least one step", _steps(0, 0), lambda x, n: _steps(0, 0)(x, tf.maximum(n, 1)), counted
    yield "variables updated one after another", _fibonacci(True), _fibonacci(False), FLOATS
    yield (
        "each step sees the input",
        _repeat(lambda h, x: tf.tanh(h) + x),
        _repeat(lambda h, x: tf.tanh(x) + x),
        FLOATS,
    )
    yield "a weight of the first step", _powers(True), _powers(False), FLOATS
    yield "results in reverse", lambda x: tf.map_fn(tf.sin, x), lambda x: tf.map_fn(tf.sin, x)[::-1], FLOATS
    yield (
        "the last result for all",
        lambda x: tf.map_fn(tf.sin, x),
        lambda x: tf.zeros_like(x) + tf.sin(x[-1]),
        FLOATS,
    )
    yield "stops after the condition fails", _until(0), _until(1), FLOATS


def _steps(first: int, more: int | None) -> Function:
    def run(x: tf.Tensor, n: tf.Tensor) -> tf.Tensor:
        step, last = (2, n) if more is None else (1, n + more)
        return tf.while_loop(lambda k, _: k < last, lambda k, h: (k + step, h + 1.5), [first, x])[1]

    return run


def _fibonacci(at_once: bool) -> Function:
    def step(k: tf.Tensor, a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return (k + 1, b, a + b) if at_once else (k + 1, b, b + b)

    return lambda x: tf.while_loop(lambda k, *_: k < 3, step, [0, x, x * 2])[1]


def _repeat(step: Function) -> Function:
    return lambda x: tf.while_loop(lambda k, _: k < 3, lambda k, h: (k + 1, step(h, x)), [0, x])[1]


def _powers(changes: bool) -> Function:
    def step(k: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return k + 1, h * tf.cast(k + 1 if changes else 1, tf.float32)

    return lambda x: tf.while_loop(lambda k, _: k < 3, step, [0, x])[1]


def _until(more: int) -> Function:
    def run(x: tf.Tensor) -> tf.Tensor:
        (half,) = tf.while_loop(lambda h: tf.reduce_max(tf.abs(h)) > 0.5, lambda h: (h / 2,), [x])
        return half / 2**more

    return run


def state() -> Iterator[tuple[Any, ...]]:
    kernel = normal(3, 3)
    recurrent = _recurrence(kernel)
    yield "state not reset between rows", recurrent, _recurrence(kernel, carried=True), SEQUENCE, kernel
    yield "state begins with ones", recurrent, _recurrence(kernel, start=1.0), SEQUENCE, kernel
    yield "the sequence is read backwards", recurrent, lambda x: recurrent(x[:, ::-1]), SEQUENCE, kernel
    yield "the last step is left out", recurrent, lambda x: recurrent(x[:, :-1]), SEQUENCE, kernel
    yield "padding changes the state", lambda x: recurrent(tf.nn.relu(x)), lambda x: recurrent(x), SEQUENCE, kernel
    yield "a running sum starts again", lambda x: tf.cumsum(x, 0), lambda x: tf.cumsum(x, 1), FLOATS
    yield "a running sum lags", lambda x: tf.cumsum(x, 1), lambda x: tf.cumsum(x, 1, exclusive=True), FLOATS


def _recurrence(kernel: tf.Variable, *, carried: bool = False, start: float = 0.0) -> Function:
    """The last state of a recurrence over the steps of each row [B, 5, 3]; `carried` goes on from the last row."""

    def row(steps: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
        for step in tf.unstack(steps):
            state = tf.tanh(step + tf.linalg.matvec(kernel, state))
        return state

    def run(x: tf.Tensor) -> tf.Tensor:
        initial = tf.fill([3], start)
        if carried:
            return tf.scan(lambda state, steps: row(steps, state), x, initial)
        return tf.map_fn(lambda steps: row(steps, initial), x)

    return run


def shapes() -> Iterator[tuple[Any, ...]]:
    free = (spec("x", None, None, 4),)
    yield "the batch is fixed", lambda x: x * 2, lambda x: tf.reshape(x * 2, [3, -1]), FLOATS
    yield (
        "a batch of one is squeezed",
        lambda x: x[:, :1],
        lambda x: tf.cond(tf.shape(x)[0] > 1, lambda: x[:, :1], lambda: x[:, 0]),
        FLOATS,
    )
    yield (
        "rows and columns swapped",
        lambda x: tf.transpose(x, [0, 2, 1]),
        lambda x: tf.reshape(x, [tf.shape(x)[0], 4, -1]),
        free,
    )
    yield "a length is fixed", lambda x: tf.reduce_sum(x, 1), lambda x: tf.reduce_sum(x[:, :7], 1), free
    yield (
        "the mean over the padded length",
        lambda x: tf.reduce_mean(x, 1),
        lambda x: tf.reduce_sum(x, 1) / 16,
        free,
    )
    yield "softmax over another axis", tf.nn.softmax, lambda x: tf.nn.softmax(x, 1), free
