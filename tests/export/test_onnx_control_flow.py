"""Loops, branches, recurrent layers and state of SavedModels in ONNX."""

import numpy as np
import pytest
import tensorflow as tf
from saved_functions import normal, spec

from bertferry.core.errors import DataError

SQUARE = np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)
ROWS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def initializers_at_least(model, count):
    return [tuple(tensor.dims) for tensor in model.graph.initializer if np.prod(tensor.dims) >= count]


def test_a_loop_uses_the_weight_that_is_bound_once(export):
    weight = normal(4, 4)

    def loop(x, n):
        return {"y": tf.while_loop(lambda k, _: k < n, lambda k, h: (k + 1, tf.tanh(h @ weight)), [0, x])[1]}

    exported = export(loop, [spec("x"), tf.TensorSpec([], tf.int32, "n")], weight)
    for steps in (0, 1, 5):
        exported.check(x=ROWS, n=np.int32(steps))
    (node,) = (node for node in exported.model.graph.node if node.op_type == "Loop")
    assert weight.shape not in [tensor.dims for tensor in node.attribute[0].g.initializer]
    assert initializers_at_least(exported.model, 16) == [(4, 4)]
    assert len(node.input) == 4, "the weight is used from outside, not passed from step to step"


def test_a_branch_uses_weights_and_tensors_from_outside(export):
    first, second = normal(4, 3), normal(4, 3, seed=2)

    def choose(x):
        doubled = x * 2
        return {"y": tf.cond(tf.reduce_sum(x) > 0, lambda: doubled @ first, lambda: x @ second)}

    exported = export(choose, [spec("x")], first, second)
    exported.check(x=np.abs(ROWS))
    exported.check(x=-np.abs(ROWS))
    assert exported.report.weight_bytes == 2 * 4 * 3 * 4


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_weights_in_bodies_convert_in_less_than_full_precision(export, precision):
    first, second, step = normal(4, 64), normal(4, 64, seed=2), normal(64, 64, seed=3) * 0.1
    step = tf.Variable(step)

    def both(x):
        chosen = tf.cond(tf.reduce_sum(x) > 0, lambda: x @ first, lambda: tf.identity(x @ second))
        return {"y": tf.while_loop(lambda k, _: k < 3, lambda k, h: (k + 1, tf.tanh(h @ step)), [0, chosen])[1]}

    exported = export(both, [spec("x")], first, second, step, precision=precision)
    for rows in (np.abs(ROWS), -np.abs(ROWS)):
        exported.check(x=rows, profile=precision)


@pytest.mark.parametrize("index", [-1, 0, 1, 2, 3])
def test_a_switch_takes_the_branch_of_its_index_or_the_last(export, index):
    kernels = [normal(4, 2, seed=seed) for seed in range(3)]

    def switch(x, index):
        return {"y": tf.switch_case(index, [lambda k=kernel: x @ k for kernel in kernels])}

    exported = export(switch, [spec("x"), tf.TensorSpec([], tf.int32, "index")], *kernels)
    exported.check(x=ROWS, index=np.int32(index))


def test_map_fn(export):
    exported = export(
        lambda x: {"y": tf.map_fn(tf.image.per_image_standardization, x)}, [spec("x", None, 8, 8, 3)]
    )
    exported.check(x=np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32))


def test_calls_inside_bodies_and_compiled_calls_are_inlined(export):
    kernel = normal(4, 4)

    @tf.function(jit_compile=True)
    def product(x):
        return x @ kernel

    @tf.function
    def twice(x):
        return product(product(x))

    def loop(x):
        return {
            "y": tf.while_loop(lambda k, _: k < 2, lambda k, h: (k + 1, tf.tanh(twice(h))), [0, product(x)])[1]
        }

    export(loop, [spec("x")], kernel).check(x=ROWS)


@pytest.mark.parametrize(
    "index",
    [lambda k: 2 - k, lambda k: (k + 1) % 3, lambda k: tf.gather([1, 0, 2], k)],
    ids=["back", "next", "any"],
)
def test_a_list_may_be_written_in_any_order(export, index):
    def serve(x):
        array = tf.TensorArray(tf.float32, 3, element_shape=[4])
        steps = tf.while_loop(lambda k, _: k < 3, lambda k, a: (k + 1, a.write(index(k), x[k])), [0, array])
        return {"y": steps[1].stack()}

    export(serve, [spec("x", 3, 4)], verify=False).check(x=ROWS)


@pytest.mark.parametrize(("first", "step"), [(1, 1), (0, 2), (3, -1)])
def test_a_list_may_be_written_in_other_steps(export, first, step):
    def serve(x):
        array = tf.TensorArray(tf.float32, 4, element_shape=[4])
        steps = tf.while_loop(
            lambda k, _: (k < 4) & (k >= 0), lambda k, a: (k + step, a.write(k, x[k])), [first, array]
        )
        return {"y": steps[1].stack()}

    export(serve, [spec("x", 4, 4)], verify=False).check(x=SQUARE)


def test_a_loop_may_end_before_its_list_is_full(export):
    def serve(x):
        array = tf.TensorArray(tf.float32, 4, element_shape=[4])

        def going(k, _):
            return (k < 4) & (tf.reduce_sum(x[tf.minimum(k, 3)]) > 0)

        return {"y": tf.while_loop(going, lambda k, a: (k + 1, a.write(k, x[k])), [0, array])[1].stack()}

    exported = export(serve, [spec("x", 4, 4)], verify=False)
    for rows in (SQUARE, np.abs(SQUARE), -np.abs(SQUARE)):
        exported.check(x=rows)


def test_lists_grow_are_joined_and_read_back(export):
    def serve(x):
        grown = tf.TensorArray(tf.float32, 0, dynamic_size=True, element_shape=[4], clear_after_read=False)
        grown = grown.write(0, x[0])
        grown = tf.while_loop(
            lambda k, _: k < tf.shape(x)[0], lambda k, a: (k + 1, a.write(k, a.read(k - 1) + x[k])), [1, grown]
        )[1]
        joined = tf.TensorArray(tf.float32, 2, element_shape=[2, 4]).write(1, x[:2]).write(0, x[1:3])
        return {"sums": grown.stack(), "joined": joined.concat(), "size": grown.size(), "second": grown.read(1)}

    exported = export(serve, [spec("x")])
    for rows in (ROWS, SQUARE):
        exported.check(x=rows)


def test_a_list_of_elements_of_unknown_shape_is_refused_by_name(export):
    def serve(x):
        array = tf.TensorArray(tf.float32, 3, infer_shape=False)
        return {
            "y": tf.while_loop(lambda k, _: k < 3, lambda k, a: (k + 1, a.write(2 - k, x)), [0, array])[1].stack()
        }

    with pytest.raises(
        DataError, match=r"TensorListReserve .* of unknown shape: give its TensorArray an element_shape"
    ):
        export(serve, [spec("x")], verify=False)


def test_a_ragged_result_has_the_names_of_its_components(export):
    exported = export(lambda x: {"y": x * 2}, [tf.RaggedTensorSpec([None, None], tf.float32)])
    assert exported.report.outputs == ("y", "y_1")


def test_a_loop_passes_on_the_rows_of_a_ragged_tensor(export):
    rows = tf.RaggedTensorSpec([None], tf.int32)

    def serve(x):
        return {"y": tf.map_fn(tf.range, x, fn_output_signature=rows).flat_values}

    export(serve, [spec("x", None, dtype=tf.int32)]).check(x=np.array([3, 1, 0, 2], np.int32))


def test_a_branch_resizes(export):
    def serve(x):
        return {"y": tf.cond(tf.shape(x)[1] > 6, lambda: tf.image.resize(x, [6, 6]), lambda: x)}

    exported = export(serve, [spec("x", 1, None, 6, 3)])
    for length in (6, 9):
        exported.check(x=np.random.default_rng(0).normal(size=(1, length, 6, 3)).astype(np.float32))


def test_a_weight_may_be_one_number(export):
    scale = tf.Variable(2.5)
    export(lambda x: {"y": x * scale}, [spec("x")], scale).check(x=ROWS)


def test_a_counter_is_dropped_if_no_output_needs_it(export):
    counter, kernel = tf.Variable(0, dtype=tf.int64), normal(4, 2)

    def count(x):
        counter.assign_add(1)
        return {"y": x @ kernel}

    exported = export(count, [spec("x")], counter, kernel)
    exported.check(x=ROWS)
    assert exported.report.weight_bytes == 4 * 2 * 4


def test_state_that_an_output_needs_is_refused_by_name(export):
    counter = tf.Variable(0.0, name="times_called")

    def count(x):
        counter.assign_add(1)
        return {"y": x + counter}

    with pytest.raises(DataError, match=r"depends on the variable times_called, .*AssignAddVariableOp"):
        export(count, [spec("x")], counter)
