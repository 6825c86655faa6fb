"""LiteRT files of anyone as artifacts."""

import zipfile

import numpy as np
import pytest
import tensorflow as tf
from closeness import assert_close

from bertferry.convert import open_checkpoint
from bertferry.core.errors import DataError, UsageError
from bertferry.core.litert_files import append_notes, read_notes
from bertferry.export import LitertOptions, export_litert
from bertferry.export.litert.checkpoint_function import build_function
from bertferry.verify import ParityOptions, verify_parity
from bertferry.verify.kinds import split_kind
from bertferry.verify.runners.litert import LitertRunner

INPUTS = ("input_word_ids", "input_mask", "input_type_ids")


@pytest.fixture(scope="module")
def file(golden, tmp_path_factory):
    """A file of this project, in float16."""
    path = tmp_path_factory.mktemp("litert") / "encoder.tflite"
    export_litert(path, LitertOptions(precision="fp16", verify=False), checkpoint=golden / "tf1_core_L2")
    return path


@pytest.fixture(scope="module")
def foreign(golden, tmp_path_factory):
    """Files of TensorFlow's converter: of a fixed shape without signatures, and with two signatures."""
    folder = tmp_path_factory.mktemp("foreign")
    checkpoint = open_checkpoint(golden / "tf1_core_L2")
    compute, variables = build_function(checkpoint, checkpoint.task("encoder"), "fp32")
    module = tf.Module()
    module.tracked = variables

    def trace(*shape):
        specs = [tf.TensorSpec(shape, tf.int32, name) for name in INPUTS]
        return tf.function(lambda *tensors: compute(dict(zip(INPUTS, tensors, strict=True))), specs)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([trace(1, 8).get_concrete_function()], module)
    converter.experimental_lower_to_saved_model = False
    (folder / "fixed.tflite").write_bytes(converter.convert())
    signatures = {"one": trace(None, 8), "two": trace(None, None)}
    tf.saved_model.save(module, str(folder / "two"), signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "two"), signature_keys=list(signatures))
    (folder / "two.tflite").write_bytes(converter.convert())
    return folder


def test_a_file_is_detected_by_its_bytes(file, tmp_path):
    renamed = tmp_path / "model.bin"
    renamed.write_bytes(file.read_bytes())
    assert split_kind(str(renamed)) == ("litert", renamed)
    assert split_kind(f"litert:{renamed}") == ("litert", renamed)
    assert split_kind(str(tmp_path / "missing.tflite"))[0] == "litert"


def test_its_notes_state_precision_and_valid_inputs(file, golden):
    report = verify_parity(file, [file])
    assert report.ok
    assert report.tolerance.name == "fp16"
    assert report.coverage is not None
    assert report.configuration["hidden_size"] == 8


def test_a_fault_shows(file, golden):
    assert verify_parity(golden / "tf1_core_L2", [file]).ok
    assert not verify_parity(golden / "tf1_core_L2", [file], ParityOptions(profile="fp32")).ok


def test_a_fixed_shape_without_signatures_is_fitted(foreign, golden):
    file, source = foreign / "fixed.tflite", golden / "tf1_core_L2"
    with pytest.raises(UsageError, match=r"its batch is fixed at 1: .*--fit-inputs"):
        verify_parity(source, [file])
    report = verify_parity(source, [file], ParityOptions(fit_inputs=True))
    assert report.ok, report.verdict()
    assert {diff.output for probe in report.candidates[0].probes for diff in probe.diffs} == {
        "sequence_output",
        "pooled_output",
    }


def test_one_of_two_signatures_is_not_chosen(foreign, golden):
    with pytest.raises(UsageError, match=r"two\.tflite: no signature 'serving_default': it has one, two"):
        verify_parity(golden / "tf1_core_L2", [foreign / "two.tflite"])
    assert set(LitertRunner(foreign / "two.tflite", "two", shares_mask=False).run(ones()))


def ones(*shape):
    return {name: np.ones(shape or (2, 4), np.int32) for name in INPUTS}


def test_a_run_after_one_that_failed_is_right(file):
    """After these two, an interpreter refuses what it takes otherwise."""
    want = LitertRunner(file, shares_mask=True).run(ones(2, 16))
    runner = LitertRunner(file, shares_mask=True)
    assert runner.run(ones(0, 8))["pooled_output"].shape == (0, 8)
    with pytest.raises(RuntimeError):
        runner.run(ones(2, 0))
    got = runner.run(ones(2, 16))
    assert all(np.array_equal(got[name], want[name]) for name in want)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"device": "gpu"}, r"cannot run on --device gpu: expected one of cpu"),
        ({"precision": "int8"}, r"--precision int8: export it with export-litert --precision int8"),
        ({"precision": "fp64"}, r"--precision fp64: it runs in fp16"),
        ({"localize": True}, r"--localize .* litert artifacts have none"),
        ({"threads": 2}, r"ONNX files only"),
    ],
)
def test_how_it_does_not_run_is_said(file, golden, options, named):
    with pytest.raises(UsageError, match=named):
        verify_parity(golden / "tf1_core_L2", [file], ParityOptions(**options))


def quantize(path, takes):
    """A network of eight bits throughout, which returns integers, and what it stands for."""
    rng = np.random.default_rng(1)
    kernel, samples = (rng.normal(size=(size, 16)).astype(np.float32) for size in (16, 8))
    function = tf.function(lambda x: tf.tanh(x @ kernel), [tf.TensorSpec((8, 16), tf.float32, "x")])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], tf.Module())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: [[samples]]
    converter.inference_input_type, converter.inference_output_type = takes, tf.int8
    path.write_bytes(converter.convert())
    return {"x": samples}, np.tanh(samples @ kernel)


def test_quantized_outputs_are_the_numbers_for_which_they_stand(tmp_path):
    inputs, want = quantize(tmp_path / "eight.tflite", tf.float32)
    ((_, got),) = LitertRunner(tmp_path / "eight.tflite", shares_mask=False).run(inputs).items()
    assert got.dtype == np.float32
    assert_close(got, want, "int8")


def test_quantized_inputs_are_refused(tmp_path, golden):
    quantize(tmp_path / "eight.tflite", tf.int8)
    with pytest.raises(UsageError, match=r"its input \w+ is quantized"):
        verify_parity(golden / "tf1_core_L2", [tmp_path / "eight.tflite"])


def test_damaged_files_are_refused(file, golden, tmp_path):
    content, damaged = file.read_bytes(), tmp_path / "damaged.tflite"
    cases = {
        content[:5000]: (DataError, "LiteRT cannot load it"),
        b"nothing": (UsageError, "not a LiteRT file"),
        content.replace(b'"precision": "fp16"', b'"precision": "fp61"'): (UsageError, "its notes are damaged"),
    }
    for changed, (kind, named) in cases.items():
        damaged.write_bytes(changed)
        with pytest.raises(kind, match=f"damaged.tflite: {named}"):
            verify_parity(golden / "tf1_core_L2", [f"litert:{damaged}"])
    with pytest.raises(UsageError, match="no such file"):
        verify_parity(golden / "tf1_core_L2", [tmp_path / "missing.tflite"])


def test_notes_of_others_are_left_alone(tmp_path):
    path = tmp_path / "x.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3 and so on")
    assert read_notes(path) == {}
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "a")
    assert read_notes(path) == {}
    append_notes(path, {"a": 1})
    assert read_notes(path) == {"a": 1}
