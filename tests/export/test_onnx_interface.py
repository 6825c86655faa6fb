"""Inputs and outputs of SavedModels as ONNX has them: names, kinds, types, probes."""

import numpy as np
import pytest
import tensorflow as tf
from saved_functions import Exported, normal, save, spec

from bertferry.core.errors import DataError, UsageError
from bertferry.export import OnnxOptions, export_onnx
from bertferry.export.onnx.command import main

ROWS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def test_an_output_with_the_name_of_an_input_is_renamed_and_said(export):
    exported = export(lambda x: {"x": x * 2, "x_output": x + 1, "same": x}, [spec("x")])
    got = exported.run(x=ROWS)
    assert exported.report.outputs == ("same", "x_output", "x_output_output")
    np.testing.assert_array_equal(got["x_output_output"], ROWS * 2)
    np.testing.assert_array_equal(got["x_output"], ROWS + 1)
    np.testing.assert_array_equal(got["same"], ROWS)
    assert "the output x is x_output_output in the file: x is an input, too" in exported.report.render()


def test_outputs_may_be_constants_weights_and_each_other(export):
    kernel = normal(4, 64)

    def serve(x):
        product = x @ kernel
        return {"constant": tf.constant([1.0, 2.0]), "kernel": kernel, "first": product, "second": product}

    exported = export(serve, [spec("x")], kernel)
    exported.check(x=ROWS)
    assert exported.report.weight_bytes == 4 * 64 * 4


def test_captured_tensors_are_weights(export):
    table = tf.constant(np.arange(4000, dtype=np.float32).reshape(1000, 4))
    exported = export(lambda ids: {"y": tf.gather(table, ids)}, [spec("ids", None, dtype=tf.int32)])
    exported.check(ids=np.array([0, 999, 3], np.int32))
    assert exported.report.weight_bytes == 16000


def test_an_output_may_be_empty(export):
    exported = export(lambda x: {"found": tf.where(x > 1e30)}, [spec("x")])
    assert exported.check(x=ROWS)["found"].shape == (0, 2)


def test_outputs_may_be_nan_where_the_source_is(export):
    export(lambda x: {"y": tf.math.log(x)}, [spec("x")]).check(x=ROWS)


def test_texts_pass_through(export):
    exported = export(lambda x, s: {"y": x, "s_": s}, [spec("x"), spec("s", None, dtype=tf.string)])
    np.testing.assert_array_equal(exported.run(x=ROWS, s=np.array(["a", "ü"], object))["s_"], ["a", "ü"])


def test_a_ragged_input_is_its_components(export):
    table = normal(30, 4)

    def mean(ids):
        return {"mean": tf.reduce_mean(tf.ragged.map_flat_values(lambda one: tf.gather(table, one), ids), 1)}

    exported = export(mean, [tf.RaggedTensorSpec([None, None], tf.int32)], table)
    assert exported.report.inputs == ("ids", "ids_1")
    exported.check(ids=np.array([1, 2, 29], np.int32), ids_1=np.array([0, 2, 3]))


@pytest.mark.filterwarnings("ignore:.*")  # TensorFlow deprecates what writes such SavedModels
def test_variables_of_tensorflow_1(tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [None, 4], "x")
        kernel = v1.get_variable("kernel", [4, 2], use_resource=False)
        step = v1.get_variable("step", initializer=3, use_resource=False)
        y = tf.matmul(x, kernel) * tf.cast(step, tf.float32)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            v1.saved_model.simple_save(session, str(tmp_path / "saved"), {"x": x}, {"y": y})
    exported = Exported(tmp_path / "saved", tmp_path / "m.onnx")
    exported.check(x=ROWS)
    assert exported.report.weight_bytes == 4 * 2 * 4


def test_a_source_in_half_precision_is_judged_as_such(export):
    kernel = normal(4, 64)

    def serve(x):
        product = tf.cast(x, tf.float16) @ tf.cast(kernel, tf.float16)
        return {"y": tf.cast(tf.nn.softmax(product * product), tf.float32)}

    assert "within fp16" in export(serve, [spec("x")], kernel).report.verdict
    assert export(serve, [spec("x")], kernel, precision="int8").report.verdict.startswith("NOT JUDGED")


def test_bfloat16_is_computed_in_float32(export):
    kernel = tf.Variable(tf.cast(normal(4, 64), tf.bfloat16))

    def serve(x):
        half = tf.cast(x, tf.bfloat16)
        looped = tf.while_loop(lambda k, _: k < 2, lambda k, h: (k + 1, h * tf.constant(0.5, h.dtype)), [0, half])[
            1
        ]
        return {"y": tf.cast(tf.nn.relu(looped @ kernel), tf.float32), "rounded": tf.cast(half, tf.float32)}

    exported = export(serve, [spec("x")], kernel)
    assert "within bf16" in exported.report.verdict
    assert exported.report.notes == (
        "the SavedModel computes in bf16: the file is made from its graph in float32",
    )
    with pytest.raises(DataError, match="x is of bfloat16, which ONNX Runtime cannot take or return"):
        export(lambda x: {"y": tf.cast(x @ kernel, tf.float32)}, [spec("x", dtype=tf.bfloat16)], kernel)
    with pytest.raises(DataError, match="an output is of bfloat16"):
        export(lambda x: {"y": tf.cast(x, tf.bfloat16) @ kernel}, [spec("x")], kernel)


def test_inputs_and_outputs_of_float16_keep_their_type(export):
    kernel = tf.Variable(normal(4, 3).numpy().astype(np.float16))
    half = spec("x", dtype=tf.float16)
    exported = export(lambda x: {"y": x @ kernel, "z": x}, [half], kernel, precision="int8")
    outputs = exported.run(x=ROWS.astype(np.float16))
    assert {value.dtype for value in outputs.values()} == {np.dtype(np.float16)}
    np.testing.assert_array_equal(outputs["z"], ROWS.astype(np.float16))


def test_a_weight_beyond_float16_is_refused(export):
    kernel = tf.Variable(np.full((64, 2), 1e6, np.float32), name="price")
    for verify in (True, False):
        with pytest.raises(
            DataError, match=r"price_0: 1e[+]06 does not fit into float16 .*: keep --precision fp32"
        ):
            export(lambda x: {"y": x @ kernel}, [spec("x", None, 64)], kernel, precision="fp16", verify=verify)


def test_a_constant_beyond_float16_is_refused(export):
    """A weight makes the product one in float16; the constant has no name of its own."""
    kernel, price = normal(4, 2), np.full((2, 3), 1e6, np.float32)
    with pytest.raises(DataError, match=r"a constant of .*: 1e[+]06 does not fit into float16 .*: keep"):
        export(lambda x: {"y": x @ (kernel @ price)}, [spec("x")], kernel, precision="fp16", verify=False)


def test_digits_of_floats_are_refused_by_name(export):
    with pytest.raises(DataError, match=r"AsString .* of floats"):
        export(lambda x: {"y": tf.strings.as_string(x)}, [spec("x")], verify=False)
    export(lambda x: {"y": tf.strings.as_string(tf.cast(x, tf.int32))}, [spec("x")])


class TestProbes:
    """Every fault here passes a probe of zeros and ones, or none at all."""

    def test_ids_may_start_at_one(self, export):
        table = normal(30, 4)
        export(lambda ids: {"y": tf.gather(table, ids - 1)}, [spec("ids", None, 8, dtype=tf.int32)], table)

    def test_free_dimensions_may_have_to_be_large(self, export):
        kernels = [normal(5, 5, 3, 3, seed=seed) for seed in range(4)]

        def serve(x):
            for kernel in kernels:
                x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "VALID")), 2, 2, "VALID")
            return {"y": tf.reduce_max(x, [1, 2])}

        export(serve, [spec("x", None, None, None, 3)], *kernels)

    def test_numbers_of_steps_and_sizes_are_small(self, export):
        def serve(n, m):
            total = tf.while_loop(lambda k, _: k < n, lambda k, s: (k + 1, s + k), [0, 0])[1]
            return {"total": total, "range": tf.range(m)}

        scalars = [tf.TensorSpec([], tf.int32, name) for name in "nm"]
        export(serve, scalars).check(n=np.int32(4), m=np.int32(0))

    def test_a_source_that_refuses_every_guess_asks_for_inputs(self, tmp_path, capfd):
        table = normal(3, 4)

        def serve(ids):
            return {"y": tf.gather(table, ids * 1000 - 4000)}

        saved = save(tmp_path / "saved", serve, [spec("ids", None, dtype=tf.int32)], table)
        arguments = ["--saved-model", str(saved), "--output", str(tmp_path / "m.onnx")]
        capfd.readouterr()
        assert main(arguments) == 1
        message = capfd.readouterr().err
        assert message.count("\n") == 1
        assert "is not in [0, 3)" in message
        assert "--inputs FILE.npz" in message
        np.savez(tmp_path / "inputs.npz", ids=np.array([4, 4]))
        assert main([*arguments, "--inputs", str(tmp_path / "inputs.npz")]) == 0

    @pytest.mark.parametrize(
        ("stored", "line"),
        [
            ({"other": np.zeros(3)}, "missing inputs x: it has other"),
            ({"x": np.array([[1e300] * 4])}, "x is float64, which float32 cannot hold"),
        ],
    )
    def test_given_inputs_must_be_the_signatures(self, tmp_path, stored, line):
        saved = save(tmp_path / "saved", lambda x: {"y": x}, [spec("x")])
        np.savez(tmp_path / "inputs.npz", **stored)
        options = OnnxOptions(inputs=str(tmp_path / "inputs.npz"))
        with pytest.raises(UsageError, match=line):
            export_onnx(tmp_path / "m.onnx", options, saved_model=saved)

    def test_a_random_operation_is_named(self, tmp_path):
        saved = save(tmp_path / "saved", lambda x: {"y": tf.nn.dropout(x, 0.5)}, [spec("x")])
        with pytest.raises(DataError, match=r"^RandomUniform .* is random"):
            export_onnx(tmp_path / "m.onnx", saved_model=saved)


def test_a_version_directory_is_named(tmp_path):
    save(tmp_path / "m" / "1", lambda x: {"y": x}, [spec("x")])
    with pytest.raises(UsageError, match=r"no saved_model.pb; it has .*/m/1$"):
        export_onnx(tmp_path / "m.onnx", saved_model=tmp_path / "m")
