"""The manifest of a family: what it says, and what is refused before anything starts."""

import json
import os
import re
from dataclasses import replace

import pytest
from families import write_manifest

from bertferry.convert import SourceOptions
from bertferry.core.errors import UsageError
from bertferry.export import PublishOptions, publish_model
from bertferry.export.release.command import main
from bertferry.export.release.inputs import input_files, input_name
from bertferry.export.release.manifest import read_manifest
from bertferry.export.release.model import Model
from bertferry.export.release.options import ReleaseOptions

TOML = """
schema = "bertferry.release/1"
[defaults]
do_lower_case = true
[[model]]
input = "miniatures/uncased_L-*"
[[model]]
name = "large-cased"
input = "released/cased_L-24_H-1024_A-16.zip"
do_lower_case = false
artifacts = ["keras", "onnx-int8"]
task = "mlm"
[artifact.keras]
kind = "checkpoint"
to = "keras_bert"
[artifact.preset]
kind = "checkpoint"
to = "keras_hub"
[artifact.onnx-int8]
kind = "onnx"
precision = "int8"
[artifact.module]
kind = "hub"
[artifact.phone]
kind = "litert"
"""


@pytest.fixture
def folder(tmp_path):
    for name in ("uncased_L-2_H-128_A-2", "uncased_L-4.5"):
        (tmp_path / "miniatures" / name).mkdir(parents=True)
    (tmp_path / "released").mkdir()
    (tmp_path / "released" / "cased_L-24_H-1024_A-16.zip").write_bytes(b"")
    return tmp_path


def test_what_a_manifest_says(folder):
    (folder / "family.toml").write_text(TOML)
    first, second, large = read_manifest(folder / "family.toml")
    assert (first.name, first.input) == ("uncased_L-2_H-128_A-2", "miniatures/uncased_L-2_H-128_A-2")
    assert second.name == "uncased_L-4.5"
    everything = PublishOptions(
        onnx=("int8",), litert=("fp32",), hub=True, keras_hub=True, layouts=("keras_bert",)
    )
    assert first.options == second.options == everything
    assert first.source == SourceOptions(do_lower_case=True)
    assert (large.name, large.input) == ("large-cased", "released/cased_L-24_H-1024_A-16.zip")
    assert large.options == PublishOptions("mlm", onnx=("int8",), layouts=("keras_bert",))
    assert large.source == SourceOptions(do_lower_case=False)


def test_without_artifacts_a_model_gets_what_publish_model_writes(folder):
    path = write_manifest(folder, {"input": "miniatures/*"}, defaults={})
    assert {model.options for model in read_manifest(path)} == {PublishOptions()}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"schema": "bertferry.release/2"}, "schema is 'bertferry.release/2'"),
        ({"models": []}, "unknown key models: expected one of schema, defaults, model, artifact"),
        ({"model": []}, "no models"),
        ({"model": ["x"]}, "model[0] must be a table, not 'x'"),
        ({"model": [{}]}, "model[0].input is missing"),
        ({"model": [{"inputs": "a"}]}, "unknown key model[0].inputs"),
        ({"model": [{"input": "nowhere/*"}]}, "model[0].input: nothing is at 'nowhere/*'"),
        ({"model": [{"input": "nowhere"}]}, "model[0].input: nothing is at 'nowhere'"),
        ({"model": [{"input": "miniatures/*", "name": "a"}]}, "has 2 matches: leave out the name"),
        ({"model": [{"input": "miniatures/*"}] * 2}, "2 models are named uncased_L-2_H-128_A-2"),
        ({"model": [{"input": "miniatures/*2", "name": "a/b"}]}, "'a/b' is no name of a folder"),
        ({"model": [{"input": "miniatures/*2", "name": ".."}]}, "'..' is no name of a folder"),
        ({"model": [{"input": "miniatures/*2", "name": "runs"}]}, "the name 'runs' is reserved"),
        ({"model": [{"input": "miniatures/*2", "name": "release.html"}]}, "is reserved"),
        ({"model": [{"input": "miniatures/*2", "name": "a" * 200}]}, "longer than 150 bytes"),
        ({"model": [{"input": "miniatures/*2", "artifacts": ["x"]}]}, "model[0].artifacts: 'x' is not defined"),
        ({"model": [{"input": "miniatures/*2", "config": "c.json"}]}, "c.json: no such file"),
        ({"model": [{"input": "miniatures/*2", "task": "summary"}]}, "model[0]: unknown task 'summary'"),
        ({"defaults": {"do_lower_case": "yes"}}, "defaults.do_lower_case must be true or false, not 'yes'"),
        ({"defaults": {"max_seq_length": True}}, "defaults.max_seq_length must be an integer, not True"),
        ({"defaults": {"max_seq_length": 0}}, "model[0]: max_seq_length is 0"),
        ({"defaults": {"pooling": "sum"}}, "model[0]: unknown pooling 'sum'"),
        ({"defaults": {"input": "x"}}, "unknown key defaults.input"),
        ({"artifact": {"a/b": {"kind": "hub"}}}, "artifact.a/b: 'a/b' is no name of a folder"),
        ({"artifact": {"a": {}}}, "artifact.a.kind is missing"),
        ({"artifact": {"a": {"kind": "gguf"}}}, "artifact.a: unknown kind 'gguf'"),
        ({"artifact": {"a": {"kind": "hub", "precision": "fp16"}}}, "unknown key precision: hub has kind"),
        ({"artifact": {"a": {"kind": "onnx", "precision": "fp8"}}}, "unknown precision 'fp8'"),
        (
            {"artifact": {"a": {"kind": "checkpoint"}}},
            "artifact.a: to is missing: expected one of keras_bert, tf1",
        ),
        ({"artifact": {"a": {"kind": "checkpoint", "to": "pytorch"}}}, "unknown to 'pytorch'"),
        ({"check": {}}, "unknown key check"),
    ],
)
def test_what_is_wrong_is_one_line_before_anything_starts(folder, capfd, change, line):
    path = write_manifest(folder, {"input": "miniatures/*"}, **change)
    assert main([str(path), "--output", str(folder / "out")]) == 2
    err = capfd.readouterr().err
    assert line in err
    assert err.count("\n") == 1
    assert str(path) in err
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.toml", b"schema = ", "not valid TOML"),
        ("a.json", b"{", "not valid JSON"),
        ("a.json", b"[]", "the document must be a table"),
        ("a.json", b"[" * 100_000, "not valid JSON"),
        ("a.toml", b"\xff\xfe", "not text in UTF-8"),
        ("a.yaml", b"schema: bertferry.release/1\n", "not valid TOML"),
    ],
)
def test_a_file_that_is_no_manifest(tmp_path, name, content, line):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=line):
        read_manifest(tmp_path / name)
    with pytest.raises(UsageError, match="cannot be read"):
        read_manifest(tmp_path / "missing.toml")


def test_globs_take_checkpoints_once_and_no_hidden_files(tmp_path):
    for name in ("a.ckpt.index", "a.ckpt.data-00000-of-00001", "a.ckpt.meta", ".hidden", "b.safetensors"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "out").mkdir()
    path = write_manifest(tmp_path, {"input": "*"})
    models = read_manifest(path, leave_out=[tmp_path / "out"])
    assert [(model.name, model.input) for model in models] == [("a", "a.ckpt"), ("b", "b.safetensors")]


def test_inputs_elsewhere_are_shown_without_their_folders(folder, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other")
    path = write_manifest(
        other, {"input": str(folder / "released" / "*.zip")}, {"input": str(folder / "miniatures")}
    )
    assert [model.input for model in read_manifest(path)] == ["cased_L-24_H-1024_A-16.zip", "miniatures"]
    monkeypatch.setenv("HOME", str(folder))
    path = write_manifest(other, {"input": "~/miniatures/*2"})
    assert read_manifest(path)[0].input == "uncased_L-2_H-128_A-2"


def test_a_path_with_the_signs_of_a_glob_is_itself(tmp_path):
    (tmp_path / "m[1]").mkdir()
    (tmp_path / "m1").mkdir()
    assert read_manifest(write_manifest(tmp_path, {"input": "m[1]"}))[0].name == "m[1]"


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("a/cased_L-24.zip", "cased_L-24"),
        ("a.tar.gz", "a"),
        ("v1.0", "v1.0"),
        ("x/model.safetensors", "model"),
        ("bert_model.ckpt", "bert_model"),
        ("model.ckpt-1000", "model.ckpt-1000"),
        ("a/b/", "b"),
    ],
)
def test_the_name_of_a_model_follows_from_its_input(shown, name):
    assert input_name(shown) == name


def test_every_file_that_an_input_may_open_counts(tmp_path):
    files = (
        *("a.ckpt.index", "a.ckpt.data-00000-of-00001", "b.ckpt.index", "b.ckpt.data-00000-of-00001"),
        *("other.safetensors", "bert_config.json", "vocab.txt", ".hidden", "inner/notes.txt", "assets/t/v.txt"),
    )
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    of_prefix = {*files[:2], "bert_config.json", "vocab.txt", "assets/t/v.txt"}
    assert set(input_files(tmp_path / "a.ckpt")) == of_prefix
    assert set(input_files(tmp_path / "other.safetensors")) == {"other.safetensors", *of_prefix - set(files[:2])}
    assert set(input_files(tmp_path)) == set(files) - {".hidden"}
    os.symlink(tmp_path, tmp_path / "inner" / "circle")
    assert set(input_files(tmp_path)) == set(files) - {".hidden"}


def test_modules_beside_the_encoder_count(tmp_path):
    files = (
        "modules.json",
        "0_Transformer/model.safetensors",
        "0_Transformer/other.bin",
        "2_Dense/model.safetensors",
    )
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert set(input_files(tmp_path / "0_Transformer")) == set(files)
    weights = tmp_path / "0_Transformer" / "model.safetensors"
    assert set(input_files(weights)) == set(files) - {"0_Transformer/other.bin"}


def test_a_model_survives_json(folder):
    (folder / "family.toml").write_text(TOML)
    for model in read_manifest(folder / "family.toml"):
        assert Model.from_dict(json.loads(json.dumps(model.to_dict()))) == model


@pytest.mark.parametrize(
    "wrong",
    [{"shard": text} for text in ("0/2", "3/2", "1", "1/0", "a/b", "-1/2")]
    + [{"workers": 0}, {"memory": 0.0}, {"timeout": -1.0}, {"memory": float("nan")}, {"engine": "dask"}]
    + [{"address": "ray://x"}],
)
def test_wrong_options_are_refused(wrong):
    with pytest.raises(UsageError):
        ReleaseOptions(**wrong)


def test_shards_part_a_family(folder):
    models = read_manifest(write_manifest(folder, {"input": "miniatures/*"}, {"input": "released/*"}))
    parts = [ReleaseOptions(shard=f"{number}/2").select(models) for number in (1, 2)]
    assert sorted(model.name for part in parts for model in part) == sorted(model.name for model in models)
    assert ReleaseOptions(shard="9/9").select(models) == []
    assert [model.name for model in ReleaseOptions(only="*4.5").select(models)] == ["uncased_L-4.5"]
    with pytest.raises(UsageError, match="no model of the manifest"):
        ReleaseOptions(only="x*").select(models)


def test_parts_are_compared_on_the_probes_of_the_manifest(golden, tmp_path):
    verify = {"probes": ["left padding"]}
    path = write_manifest(tmp_path, {"input": str(golden / "tf1_core_L2")}, verify=verify, defaults={})
    (model,) = read_manifest(path)
    assert model.options.probes == ("left padding",)
    report = publish_model(model.path, tmp_path / "model", replace(model.options, onnx=("fp16",)))
    (part,) = [part for part in report.parts if part.parity]
    compared = [[probe["probe"] for probe in candidate["probes"]] for candidate in part.parity["candidates"]]
    assert compared == [["left padding"]] * 3


@pytest.mark.parametrize(
    ("verify", "message"),
    [
        ({"probes": ["left"]}, "verify.probes: unknown probe 'left': expected one of mixed, "),
        ({"probes": "mixed"}, "verify.probes must be a list, not 'mixed'"),
        ({"probe": []}, "unknown key verify.probe: expected one of probes"),
    ],
)
def test_what_is_not_understood_of_the_comparison_is_refused(golden, tmp_path, verify, message):
    path = write_manifest(tmp_path, {"input": str(golden / "tf1_core_L2")}, verify=verify)
    with pytest.raises(UsageError, match=re.escape(message)):
        read_manifest(path)
