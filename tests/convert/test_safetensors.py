"""Hugging Face files: read as their kinds occur, written so that transformers loads them."""

import json
import os
import shutil

import numpy as np
import pytest
from crc32c import crc32c
from safetensors.numpy import load_file, save_file

from bertferry.convert import LAYOUTS, ConversionOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.checkpoint import same_bits
from bertferry.convert.command import main
from bertferry.convert.configuration import parse_config
from bertferry.core import axes
from bertferry.core.errors import DataError
from bertferry.core.parameters import axis_sizes


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
    one_line("missing pooler/kernel, pooler/bias [(]required by tf1 for an encoder[)]")


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


SIZES = {
    "vocab_size": 30,
    "embedding_size": 6,
    "hidden_size": 8,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 16,
    "type_vocab_size": 3,
    "hidden_act": "gelu",
}


@pytest.fixture(params=["albert", "electra", "electra_wide"])
def other_architecture(request, tmp_path):
    """A random Hugging Face file of an architecture that is not BERT's."""
    sizes = {**SIZES, "embedding_size": 8} if request.param == "electra_wide" else SIZES
    config = {**sizes, "model_type": request.param.removesuffix("_wide")}
    layout = LAYOUTS[f"huggingface_{config['model_type']}"]
    rng = np.random.default_rng(0)
    widths = axis_sizes(parse_config(config, "safetensors"))
    tensors = {
        row.stored: rng.normal(size=axes.shape(row.axes, widths)).astype(np.float32)
        for row in layout.bind(layout.forms[0], num_layers=3, sizes=widths)
    }
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "config.json").write_text(json.dumps(config))
    save_file(tensors, tmp_path / "source" / "model.safetensors")
    return request.param, tmp_path / "source"


def test_other_architectures_convert_to_tf1_and_back(other_architecture, tmp_path):
    architecture, source = other_architecture
    convert_checkpoint(source, tmp_path / "tf1", ConversionOptions(to="tf1"))
    assert open_checkpoint(tmp_path / "tf1").layout.name == f"tf1_{architecture.removesuffix('_wide')}"
    convert_checkpoint(tmp_path / "tf1", tmp_path / "back", ConversionOptions(to="huggingface"))
    back, original = load_file(tmp_path / "back/model.safetensors"), load_file(source / "model.safetensors")
    assert back.keys() == original.keys()
    assert all(same_bits(back[name], value) for name, value in original.items())


def test_other_architectures_are_refused_by_name_elsewhere(other_architecture, one_line):
    architecture, source = other_architecture
    arguments = ["--input", str(source), "--output", str(source.parent / "out"), "--to", "garden_v1"]
    if architecture == "electra_wide":  # which is BERT without a pooler
        assert main(arguments) == 1
        one_line("missing pooler/kernel, pooler/bias .*: give --init-missing-head")
        return
    assert main(arguments) == 2
    reason = f"{architecture.upper()} encoder: its embeddings are projected to the hidden size"
    one_line(f"garden_v1 cannot hold an {reason}: choose --to tf1 or huggingface or keras_bert")


def test_shards_with_an_index_are_one_checkpoint(golden, directory, tensors):
    names = sorted(tensors)
    shards = {"model-00001-of-00002.safetensors": names[:20], "model-00002-of-00002.safetensors": names[20:]}
    for shard, members in shards.items():
        save_file({name: tensors[name] for name in members}, directory / shard)
    weight_map = {name: shard for shard, members in shards.items() for name in members}
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert convert(directory) == 0
    written, expected = open_checkpoint(directory.parent / "out"), open_checkpoint(golden / "tf1_core_L2")
    for parameter in expected.parameters:
        assert same_bits(written.read(parameter), expected.read(parameter)), parameter
    (directory / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(DataError, match=r"index.json: its file model-00002-of-00002.safetensors is missing"):
        open_checkpoint(directory)


def test_the_written_report_states_what_was_read_of_a_file_without_checksums(directory, tensors):
    save_file(tensors, directory / "model.safetensors")
    report = convert_checkpoint(directory, directory.parent / "out", ConversionOptions(to="tf1"))
    for row in report.tensors:
        assert row.fingerprint == f"crc32c:{crc32c(tensors[row.source].tobytes()):08x}"


@pytest.mark.parametrize("activation", ["gelu_tanh", "gelu_erf", "relu", "tanh", "silu"])
def test_the_activation_survives_under_the_name_that_transformers_knows(golden, tmp_path, activation):
    source = shutil.copytree(golden / "tf1_core_L2", tmp_path / "source")
    config = json.loads((source / "bert_config.json").read_text())
    (source / "bert_config.json").write_text(json.dumps({**config, "activation": activation}))
    convert_checkpoint(source, tmp_path / "out", ConversionOptions(to="huggingface"))
    written = json.loads((tmp_path / "out" / "config.json").read_text())
    assert written["hidden_act"] == {"gelu_tanh": "gelu_new", "gelu_erf": "gelu"}.get(activation, activation)
    assert open_checkpoint(tmp_path / "out").config.activation == activation


def test_a_vocabulary_needs_to_know_whether_it_is_lower_cased(golden, tmp_path, one_line):
    arguments = ["--input", str(golden / "third_party_keras_bert"), "--output", str(tmp_path / "out")]
    assert main([*arguments, "--to", "huggingface"]) == 2
    one_line("nothing says whether texts are lower-cased: give --do-lower-case or --no-do-lower-case")
    assert main([*arguments, "--to", "huggingface", "--do-lower-case"]) == 0
    assert json.loads((tmp_path / "out/tokenizer_config.json").read_text())["do_lower_case"] is True
