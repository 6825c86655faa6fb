"""Presets and models of KerasHub and KerasNLP are read like the tf1 checkpoint of the same weights."""

import json
import shutil
import zipfile
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest

from bertferry.convert import open_checkpoint
from bertferry.convert.checkpoint import same_bits
from bertferry.convert.command import main
from bertferry.convert.readers.keras3 import renamed

TWINS = {
    "keras_hub_cls_L2": "tf1_cls_L2",
    "keras_hub_cls_L2_keras": "tf1_cls_L2",
    "keras_hub_mlm_L2": "tf1_pretrain_L2",
    "keras_hub_core_L2_bfloat16": "tf1_core_L2",
    "keras_hub_core_L2_sharded": "tf1_core_L2",
    "keras_nlp_0.6.4_core_L2": "tf1_core_L2",
}


@pytest.mark.parametrize("name", TWINS)
def test_every_tensor_equals_its_twin(golden, name):
    checkpoint, twin = open_checkpoint(golden / name), open_checkpoint(golden / TWINS[name])
    assert checkpoint.layout.name == "keras_hub"
    assert set(twin.parameters) - set(checkpoint.parameters) == (
        {"nsp/kernel", "nsp/bias"} if "mlm" in name else set()
    )
    assert checkpoint.config == twin.config
    assert not checkpoint.match.outside
    for parameter in checkpoint.parameters:
        expected = twin.read(parameter)
        if "bfloat16" in name:
            expected = expected.astype(ml_dtypes.bfloat16)
        got = np.reshape(checkpoint.read(parameter), expected.shape)
        assert same_bits(np.ascontiguousarray(got), expected), parameter


@pytest.mark.parametrize("name", ["keras_hub_cls_L2", "keras_hub_cls_L2_keras"])
@pytest.mark.parametrize("target", ["keras_bert", "tf1", "huggingface"])
def test_it_converts_like_its_twin(golden, tmp_path, capfd, name, target):
    for number, source in enumerate((name, TWINS[name])):
        out = str(tmp_path / str(number))
        arguments = ["--input", str(golden / source), "--output", out, "--to", target, "--task", "classifier"]
        assert main(arguments) == 0, capfd.readouterr().err
    written, expected = open_checkpoint(tmp_path / "0"), open_checkpoint(tmp_path / "1")
    assert written.heads == expected.heads == ("classifier",)
    assert all(same_bits(written.read(name), expected.read(name)) for name in expected.parameters)


def test_the_tokenizer_of_a_preset_keeps_its_settings(golden, tmp_path):
    source = golden / "keras_hub_cls_L2"
    assert main(["--input", str(source), "--output", str(tmp_path / "out"), "--to", "huggingface"]) == 0
    settings = json.loads((tmp_path / "out/tokenizer_config.json").read_text())
    assert (settings["do_lower_case"], settings["strip_accents"]) == (True, False)
    vocabulary = (source / "assets/tokenizer/vocabulary.txt").read_bytes()
    assert (tmp_path / "out/vocab.txt").read_bytes() == vocabulary


def test_a_masked_language_model_says_that_its_head_is_computed_otherwise(golden, tmp_path, capsys):
    assert (
        main(["--input", str(golden / "keras_hub_mlm_L2"), "--output", str(tmp_path / "out"), "--to", "tf1"]) == 0
    )
    assert "note: KerasHub computes this head with the erf form of gelu" in capsys.readouterr().out


def copy(golden, tmp_path, name="keras_hub_cls_L2") -> Path:
    return Path(shutil.copytree(golden / name, tmp_path / "source"))


def edit(path, **changes):
    values = json.loads(path.read_text())
    values.update(changes)
    path.write_text(json.dumps(values))


@pytest.mark.parametrize("name", ["RobertaBackbone", "DistilBertBackbone"])
@pytest.mark.parametrize("weights", ["of BERT", "of its own"])
def test_another_backbone_is_refused_by_name(golden, tmp_path, one_line, name, weights):
    """Before its weights are read."""
    source = copy(golden, tmp_path, "keras_hub_core_L2_bfloat16")
    if weights == "of its own":
        with h5py.File(source / "model.weights.h5", "w") as file:
            file["layers/token_and_position_embedding/vars/0"] = np.zeros((2, 2), np.float32)
    edit(source / "config.json", class_name=name, registered_name=f"keras_hub>{name}")
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 2
    one_line(f"config.json: its class is {name}: only BertBackbone and its tasks are supported")


def test_a_configuration_without_a_size_is_refused(golden, tmp_path, one_line):
    source = copy(golden, tmp_path, "keras_hub_core_L2_bfloat16")
    values = json.loads((source / "config.json").read_text())["config"]
    del values["num_heads"]
    edit(source / "config.json", config=values)
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 2
    one_line("config.json: num_heads missing")


def test_weights_of_another_keras_model_name_the_way_out(golden, tmp_path, one_line):
    with h5py.File(tmp_path / "model.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = np.zeros((2, 2), np.float32)
    shutil.copy(golden / "tf1_core_L2/bert_config.json", tmp_path)
    assert main(["--input", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    one_line("has no reversible_embedding.*: weights of Keras 3 have no names: save the model")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_keras_file_is_read_where_its_weights_are(golden, tmp_path, one_line, compression):
    """Keras stores its members without compression; others are not unpacked."""
    with zipfile.ZipFile(golden / "keras_hub_cls_L2_keras/model.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    path = tmp_path / "again.keras"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    if compression == zipfile.ZIP_STORED:
        assert open_checkpoint(path).heads == ("classifier",)
    else:
        assert main(["--input", str(path), "--output", str(tmp_path / "out")]) == 1
        one_line("again.keras: not a readable .keras file: its record model.weights.h5 is compressed")


def test_a_variable_in_two_files_of_a_preset_is_refused(golden, tmp_path, one_line):
    source = copy(golden, tmp_path, "keras_hub_core_L2_sharded")
    with h5py.File(source / "model_00001.weights.h5", "r+") as file:
        file["layers/embedding/vars/0"] = np.zeros((3, 8), np.float32)
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 1
    one_line("tensor layers/embedding/vars/0 is also in another of its files")


def test_blocks_are_numbered_in_their_order():
    names = [f"layers/transformer_encoder{number}/a/vars/0" for number in ("", "_2", "_10", "_4")]
    assert list(renamed(names).values()) == [f"layers/transformer_encoder_{n}/a/vars/0" for n in (0, 1, 3, 2)]


def test_a_model_around_a_backbone_does_not_say_what_its_head_reads(golden, tmp_path, one_line):
    """Its layers have the names of KerasHub's classifier, whatever somebody made them compute."""
    with zipfile.ZipFile(golden / "keras_hub_cls_L2_keras/model.keras") as archive:
        weights, task = archive.read("model.weights.h5"), json.loads(archive.read("config.json"))
    layers = [{"class_name": "InputLayer"}, task["config"]["backbone"], {"class_name": "Dense", "config": {}}]
    own = {"class_name": "Functional", "config": {"name": "own", "layers": layers}}
    path = tmp_path / "own.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", weights)
        archive.writestr("config.json", json.dumps(own))
    assert main(["--input", str(path), "--output", str(tmp_path / "out"), "--to", "huggingface"]) == 2
    one_line("may belong to either head: give --task classifier or --task tokens to read it so, or --task encoder")
    assert (
        main(["--input", str(path), "--output", str(tmp_path / "no"), "--to", "keras_hub", "--task", "tokens"])
        == 2
    )
    one_line("keras_hub has no file for tokens")
    for task in ("classifier", "tokens"):
        out = str(tmp_path / task)
        assert main(["--input", str(path), "--output", out, "--to", "huggingface", "--task", task]) == 0
        assert open_checkpoint(out).heads == (task,)


def test_quantized_layers_are_named(golden, tmp_path, one_line):
    source = copy(golden, tmp_path, "keras_hub_core_L2_bfloat16")
    values = json.loads((source / "config.json").read_text())["config"]
    edit(source / "config.json", config={**values, "dtype": {"class_name": "QuantizedDTypePolicy"}})
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 2
    one_line("config.json: its layers are quantized: save the model before quantization")
