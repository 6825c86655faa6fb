"""ONNX graphs of SavedModels of any origin, and SavedModels that ONNX cannot express."""

import os
import resource
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
import tensorflow as tf
import tf_keras

from bertferry.convert import open_checkpoint
from bertferry.convert.loading import load_network
from bertferry.export import ModuleOptions, OnnxOptions, export_hub_module, export_onnx
from bertferry.export.onnx.command import main

IDS = tf.TensorSpec([None, None], tf.int32, "ids")


def hub_module(golden, path):
    export_hub_module(golden / "tf1_core_L2", path, ModuleOptions(verify=False))


def keras_2_save(golden, path):
    load_network(open_checkpoint(golden / "tf1_cls_L2"), "classifier").save(str(path), save_format="tf")


def keras_2_export(golden, path):
    model = load_network(open_checkpoint(golden / "tf1_core_L2"))
    archive = tf_keras.export.ExportArchive()
    archive.track(model)
    specs = [tf.TensorSpec([None, None], tf.int32, name) for name in ("word", "mask", "types")]
    archive.add_endpoint("serve", lambda word, mask, types: model([word, mask, types]), specs)
    archive.write_out(str(path))


def keras_3_export(golden, path):
    import keras

    ids = keras.Input((None,), dtype="int32", name="ids")
    hidden = keras.layers.Embedding(20, 8)(ids)
    hidden = keras.layers.MultiHeadAttention(2, 4)(hidden, hidden)
    hidden = keras.layers.LayerNormalization(epsilon=1e-12)(hidden)
    outputs = keras.layers.Dense(8, activation="gelu")(hidden)
    keras.Model(ids, outputs).export(str(path), verbose=False)


class Gelu(tf.Module):
    """Exact gelu as current TensorFlow traces it: with Erfc."""

    def __init__(self):
        self.kernel = tf.Variable(tf.random.stateless_normal([20, 8], [1, 2]), name="kernel")

    @tf.function(input_signature=[IDS])
    def serve(self, ids):
        return {"activated": tf.nn.gelu(tf.gather(self.kernel, ids), approximate=False)}

    @tf.function(input_signature=[tf.TensorSpec([None, 8], tf.float32, "x")])
    def project(self, x):
        return {"product": tf.matmul(x, self.kernel, transpose_b=True), "sum": tf.reduce_sum(x, -1)}


def erf_gelu(golden, path):
    module = Gelu()
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve, "other": module.project})


SAVED = {
    "hub module": (hub_module, "serving_default"),
    "tf_keras model.save": (keras_2_save, "serving_default"),
    "tf_keras export": (keras_2_export, "serve"),
    "Keras 3 model.export": (keras_3_export, "serving_default"),
    "erf gelu": (erf_gelu, "serving_default"),
    "second signature": (erf_gelu, "other"),
}


@pytest.mark.parametrize(("save", "signature"), SAVED.values(), ids=SAVED)
@pytest.mark.filterwarnings("ignore:.*")  # from the writers, which are not ours
def test_a_saved_model_converts_with_its_own_names(golden, tmp_path, save, signature):
    save(golden, tmp_path / "saved")
    report = export_onnx(tmp_path / "m.onnx", OnnxOptions(signature=signature), saved_model=tmp_path / "saved")
    assert report.verdict.startswith("AGREE")
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    function = loaded.signatures[signature]
    assert set(report.inputs) == set(function.structured_input_signature[1])
    assert set(report.outputs) == set(function.structured_outputs)
    model = onnx.load(tmp_path / "m.onnx")
    used = {variable.ref() for variable in function.graph.variables}
    weights = sum(np.prod(one.deref().shape) * one.deref().dtype.size for one in used)
    assert report.weight_bytes == weights
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.slow
@pytest.mark.parametrize(("save", "signature"), SAVED.values(), ids=SAVED)
@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.filterwarnings("ignore:.*")  # from the writers, which are not ours
def test_a_saved_model_converts_in_less_than_full_precision(golden, tmp_path, save, signature, precision):
    save(golden, tmp_path / "saved")
    full = export_onnx(
        tmp_path / "f.onnx", OnnxOptions(signature=signature, verify=False), saved_model=tmp_path / "saved"
    )
    report = export_onnx(
        tmp_path / "m.onnx", OnnxOptions(signature=signature, precision=precision), saved_model=tmp_path / "saved"
    )
    assert report.verdict.startswith("AGREE" if precision == "fp16" else "NOT JUDGED")
    assert report.outputs == full.outputs
    model = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(model, full_check=True)
    if precision == "fp16":
        assert report.weight_bytes * 2 == full.weight_bytes
        kinds = {value.type.tensor_type.elem_type for value in model.graph.output}
        assert kinds == {onnx.TensorProto.FLOAT}


def test_a_module_of_the_model_garden_converts(garden_module, tmp_path):
    report = export_onnx(tmp_path / "m.onnx", saved_model=garden_module)
    assert report.verdict.startswith("AGREE")
    assert "bert_encoder" in report.outputs


def test_a_missing_signature_lists_the_existing_ones(golden, tmp_path, capfd):
    erf_gelu(golden, tmp_path / "saved")
    arguments = ["--saved-model", str(tmp_path / "saved"), "--output", str(tmp_path / "m.onnx")]
    capfd.readouterr()
    assert main([*arguments, "--signature", "third"]) == 2
    assert_one_line(capfd, "no signature 'third': it has serving_default, other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["saved"]


class Counting(tf.Module):
    """A lookup table that grows, as of a vocabulary that is not known."""

    def __init__(self):
        self.table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def serve(self, text):
        self.table.insert(text, tf.range(tf.size(text, tf.int64)))
        return {"ids": self.table.lookup(text)}


class Unsupported(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "x")])
    def serve(self, x):
        return {"y": tf.math.bessel_i0(x)}


@pytest.mark.parametrize(
    ("module", "line"),
    [
        (Counting, "LookupTableFindV2 .* uses a lookup table: ONNX can only express reading variables"),
        (Unsupported, "[Bb]essel"),
    ],
)
def test_what_onnx_cannot_express_is_refused_with_the_reason(tmp_path, capfd, module, line):
    import re

    instance = module()
    tf.saved_model.save(instance, str(tmp_path / "saved"), signatures={"serving_default": instance.serve})
    capfd.readouterr()
    assert main(["--saved-model", str(tmp_path / "saved"), "--output", str(tmp_path / "m.onnx")]) == 1
    err = capfd.readouterr().err
    assert err.count("\n") == 1, err
    assert re.search(line, err), err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["saved"]


def assert_one_line(capfd, text):
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert text in err


def test_wrong_arguments(golden, module, tmp_path, capfd):
    core, module, output = str(golden / "tf1_core_L2"), str(module), str(tmp_path / "m.onnx")
    (tmp_path / "there.onnx").write_text("kept")
    weights = shutil.copy(golden / "hf_albert_pretrain_L2/model.safetensors", tmp_path)
    for arguments, line in {
        (): "--output FILE is missing",
        ("--output", output): "give one source: --checkpoint PATH or --saved-model DIR",
        ("--output", output, "--checkpoint", core, "--saved-model", core): "give one source",
        ("--output", output, "--saved-model", core): "not a SavedModel: it contains no saved_model.pb",
        ("--output", output, "--checkpoint", "nowhere"): "nowhere: no such checkpoint",
        ("--output", str(tmp_path / "there.onnx"), "--checkpoint", core): "there.onnx already exists",
        ("--output", str(tmp_path), "--checkpoint", core, "--overwrite"): "is a directory: name a file",
        ("--output", weights, "--checkpoint", core, "--overwrite"): "already exists and is no .onnx file",
        (
            "--output",
            output,
            "--checkpoint",
            core,
            "--optimize",
            "ort",
            "--precision",
            "bf16",
        ): "Attention has no bfloat16 kernel",
        ("--output", output, "--saved-model", module, "--precision", "bf16"): "bf16 requires --checkpoint",
        ("--output", output, "--saved-model", module, "--opset", "19"): "--opset 19 requires --checkpoint",
        ("--output", output, "--saved-model", module, "--optimize", "ort"): "--optimize ort requires --checkpoint",
        (
            "--output",
            output,
            "--saved-model",
            module,
            "--precision",
            "fp16",
            "--no-keep-io",
        ): "--no-keep-io requires --checkpoint",
    }.items():
        for mode in ([], ["--dry-run"]):
            assert main([*arguments, *mode]) == 2, arguments
            assert_one_line(capfd, line)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "there.onnx"]


def test_a_task_that_the_checkpoint_lacks(golden, tmp_path, capfd):
    arguments = ["--checkpoint", str(golden / "tf1_core_L2"), "--output", str(tmp_path / "m.onnx")]
    assert main([*arguments, "--task", "span"]) == 1
    assert_one_line(capfd, "missing span/kernel, span/bias (required by task span)\n")


@pytest.mark.parametrize("source", ["checkpoint", "saved_model"])
def test_a_dry_run_says_what_the_run_would_write(golden, module, tmp_path, source):
    given = {source: module if source == "saved_model" else golden / "tf1_core_L2"}
    dry = export_onnx(tmp_path / "m.onnx", **given, dry_run=True)
    assert list(tmp_path.iterdir()) == []
    written = export_onnx(tmp_path / "m.onnx", OnnxOptions(verify=False), **given)
    assert (dry.inputs, dry.outputs) == (written.inputs, written.outputs)
    first, second = dry.render().splitlines()
    assert first == f"would export {given[source]} to {tmp_path}/m.onnx"
    assert second == f"  fp32; {', '.join(dry.inputs)} → {', '.join(dry.outputs)}"


def test_progress_names_what_is_done_and_counts_on(golden, tmp_path):
    said = []
    export_onnx(
        tmp_path / "m.onnx",
        OnnxOptions(optimize="ort"),
        checkpoint=golden / "tf1_core_L2",
        progress=lambda what, done, total: said.append((what, done)),
    )
    assert said[0] == ("building the graph", 0)
    counts = [done for _, done in said]
    assert counts == sorted(set(counts))


def test_a_full_disk_is_one_line_and_no_file(golden, tmp_path):
    """A limit on the size of files simulates a full disk: writing fails with EFBIG."""
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "from bertferry.export.onnx.command import run; run()",
            "--checkpoint",
            golden / "tf1_core_L2",
            "--output",
            tmp_path / "m.onnx",
        ],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert run.returncode == 2, run.stderr
    assert run.stderr.count("\n") == 1, run.stderr
    assert "cannot be written" in run.stderr
    assert list(tmp_path.iterdir()) == []
