"""Hugging Face files: read as their kinds occur, written so that transformers loads them."""

import json
import os
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from bertferry.convert import LAYOUTS, open_checkpoint
from bertferry.convert.checkpoint import same_bits
from bertferry.convert.command import main


@pytest.fixture
def tensors(golden):
    """A Hugging Face file of the golden encoder."""
    checkpoint = open_checkpoint(golden / "tf1_core_L2")
    layout = LAYOUTS["huggingface"]
    rows = layout.bind(layout.forms[0], num_layers=2)
    return {row.stored: np.ascontiguousarray(checkpoint.read(row.parameter, row.axes)) for row in rows}


@pytest.fixture
def directory(golden, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    config = json.loads((golden / "tf1_core_L2" / "bert_config.json").read_text())
    (source / "config.json").write_text(json.dumps({**config, "hidden_act": "gelu_new", "model_type": "bert"}))
    return source


def convert(directory):
    return main(["--input", str(directory), "--output", str(directory.parent / "out"), "--to", "tf1"])


def test_a_sound_file_converts_to_the_golden(golden, directory, tensors):
    save_file(tensors, directory / "model.safetensors")
    assert convert(directory) == 0
    written, expected = open_checkpoint(directory.parent / "out"), open_checkpoint(golden / "tf1_core_L2")
    for parameter in expected.parameters:
        assert same_bits(written.read(parameter), expected.read(parameter)), parameter


def test_old_norm_names_and_a_prefix_are_understood(golden, directory, tensors):
    def renamed(name):
        old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        return f"bert.{old}"

    save_file({renamed(name): value for name, value in tensors.items()}, directory / "model.safetensors")
    assert convert(directory) == 0
    assert open_checkpoint(directory).layout.name == "huggingface_2018"


def test_a_truncated_file(directory, tensors, one_line):
    path = directory / "model.safetensors"
    save_file(tensors, path)
    os.truncate(path, path.stat().st_size - 8)
    assert convert(directory) == 1
    one_line("model.safetensors: not a complete safetensors file")


def test_a_tied_copy_is_accepted_only_when_it_is_one(directory, tensors, capfd, one_line):
    extra = {f"cls.predictions.{name}": value for name, value in mlm_head(8, 30).items()}
    tied = {"cls.predictions.decoder.weight": tensors["embeddings.word_embeddings.weight"].copy()}
    encoder = {f"bert.{name}": value for name, value in tensors.items()}
    save_file({**encoder, **extra, **tied}, directory / "model.safetensors")
    assert main(["--input", str(directory), "--output", str(directory.parent / "out"), "--to", "tf1"]) == 0
    tied["cls.predictions.decoder.weight"][3, 3] += 1
    save_file({**encoder, **extra, **tied}, directory / "model.safetensors")
    shutil.rmtree(directory.parent / "out")
    capfd.readouterr()
    assert convert(directory) == 1
    one_line("cls.predictions.decoder.weight differs from bert.embeddings.word_embeddings.weight")


def test_a_model_without_pooler_is_refused_where_one_is_needed(directory, tensors, one_line):
    bare = {name: value for name, value in tensors.items() if not name.startswith("pooler")}
    save_file(bare, directory / "model.safetensors")
    assert convert(directory) == 1
    one_line("the source has no pooler/kernel, pooler/bias, which tf1 needs")


def mlm_head(hidden: int, vocab: int) -> dict[str, np.ndarray]:
    """Random weights of a masked-LM head under their Hugging Face names."""
    shapes = {
        "transform.dense.weight": (hidden, hidden),
        "transform.dense.bias": (hidden,),
        "transform.LayerNorm.weight": (hidden,),
        "transform.LayerNorm.bias": (hidden,),
        "bias": (vocab,),
    }
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
