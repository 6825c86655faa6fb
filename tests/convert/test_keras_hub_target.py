"""Presets that are written for KerasHub."""

import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from bertferry.convert import ConversionOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.checkpoint import same_bits
from bertferry.convert.command import main


def datasets(path):
    """Every dataset of a file, by name."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    return found


def test_a_classifier_is_written_as_keras_hub_writes_it(golden, tmp_path):
    convert_checkpoint(golden / "tf1_cls_L2", tmp_path / "out", ConversionOptions("keras_hub", "classifier"))
    for name in ("model.weights.h5", "task.weights.h5"):
        got, want = datasets(tmp_path / "out" / name), datasets(golden / "keras_hub_cls_L2" / name)
        assert got.keys() == {key for key in want if not key.startswith("optimizer/")}
        assert all(same_bits(value, want[key]) for key, value in got.items())
    task, theirs = (
        json.loads((folder / "task.json").read_text())
        for folder in (tmp_path / "out", golden / "keras_hub_cls_L2")
    )
    assert {task[key] == theirs[key] for key in ("module", "class_name", "registered_name")} == {True}
    backbone, their_backbone = (values["config"]["backbone"]["config"] for values in (task, theirs))
    assert backbone == {key: their_backbone[key] for key in backbone} | {"name": "bert_backbone"}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_every_type_is_read_back(golden, tmp_path, dtype):
    convert_checkpoint(golden / "tf1_core_L2", tmp_path / "out", ConversionOptions("keras_hub", dtype=dtype))
    written, source = open_checkpoint(tmp_path / "out"), open_checkpoint(golden / "tf1_core_L2")
    for parameter in source.parameters:
        value = written.read(parameter)
        assert np.array_equal(value, source.read(parameter).astype(value.dtype))
        assert value.dtype.name == dtype


def test_the_tokenizer_goes_with_the_preset(golden, tmp_path):
    convert_checkpoint(golden / "hub1_core_L2", tmp_path / "out", ConversionOptions("keras_hub"))
    settings = json.loads((tmp_path / "out/tokenizer.json").read_text())["config"]
    assert settings == {"lowercase": True, "strip_accents": True}
    vocabulary = (tmp_path / "out/assets/tokenizer/vocabulary.txt").read_bytes()
    assert vocabulary == (golden / "hub1_core_L2/assets/vocab.txt").read_bytes()


@pytest.mark.parametrize(
    ("source", "arguments", "text"),
    [
        ("hf_bin_pretrain_L2", ["--task", "mlm"], ""),
        ("tf1_squad_L2", [], "keras_hub has no file for span: choose another --task or --to"),
        ("tf1_pretrain_L2", [], "keras_hub has no file for mlm, nsp"),
        ("hf_token_L2", ["--init-missing-head"], "keras_hub has no file for tokens"),
        ("erf", [], "KerasHub's BERT computes the tanh form of gelu, not gelu_erf: it cannot hold this model"),
    ],
)
def test_what_keras_hub_does_not_compute_is_refused_or_said(golden, tmp_path, capfd, source, arguments, text):
    given = ["--num-attention-heads", "2", "--activation", "gelu_erf"] if source == "erf" else []
    folder = golden / ("hub1_core_L2" if source == "erf" else source)
    out = ["--output", str(tmp_path / "out"), "--to", "keras_hub"]
    code = main(["--input", str(folder), *out, *arguments, *given])
    output, error = capfd.readouterr()
    assert text in error
    assert (tmp_path / "out").exists() == (code == 0)
    assert bool(text) == bool(code)
    assert bool(text) != ("note: KerasHub computes this head" in output)


PROGRAM = """
import sys
import keras_hub
import numpy as np
from keras.ops import convert_to_numpy as array

folder, golden, task, genuine = sys.argv[1:]
reference = np.load(golden + ".npz")
inputs = {"token_ids": "ids", "segment_ids": "seg", "padding_mask": "mask"}
inputs = {name: reference[key] for name, key in inputs.items()}
if task == "encoder":
    outputs = keras_hub.models.Backbone.from_preset(folder)(inputs)
    pairs = [(outputs["sequence_output"], reference["seq"]), (outputs["pooled_output"], reference["pooled"])]
else:
    ours, theirs = (keras_hub.models.TextClassifier.from_preset(each) for each in (folder, genuine))
    for own, their in zip(ours.weights, theirs.weights, strict=True):
        assert array(own).tobytes() == array(their).tobytes(), own.path
    pairs = [(ours(inputs), reference["logits"])]
print(max(float(np.abs(array(got) - want).max()) for got, want in pairs))
"""


@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
@pytest.mark.parametrize(("source", "task"), [("tf1_core_L2", "encoder"), ("tf1_cls_L2", "classifier")])
def test_keras_hub_computes_what_tf1_computed(golden, tmp_path, backend, source, task):
    """With `BERTFERRY_KERAS_HUB_PYTHON`, the path of a Python that has keras-hub and the backend."""
    python = os.environ.get("BERTFERRY_KERAS_HUB_PYTHON")
    if not python:
        pytest.skip("BERTFERRY_KERAS_HUB_PYTHON is not set")
    convert_checkpoint(golden / source, tmp_path / "out", ConversionOptions("keras_hub", task))
    environment = {**os.environ, "KERAS_BACKEND": backend}
    command = [
        python,
        "-c",
        PROGRAM,
        str(tmp_path / "out"),
        str(golden / source),
        task,
        str(golden / "keras_hub_cls_L2"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    difference = float(done.stdout.splitlines()[-1])
    print(f"KerasHub on {backend}, {task}: largest difference to TF 1.15.5 {difference:.1e}", file=sys.stderr)
    assert difference < 5e-6
