"""ALBERT converts between tf1 and huggingface with its heads, as both libraries store the same model."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bertferry.convert import ConversionOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.checkpoint import same_bits

FOLDERS = {"tf1": "tf1_albert_pretrain_L2", "huggingface": "hf_albert_pretrain_L2"}


@pytest.mark.parametrize(("source", "target"), [("tf1", "huggingface"), ("huggingface", "tf1")])
def test_it_converts_to_the_golden_of_the_other_library(golden, tmp_path, source, target):
    report = convert_checkpoint(golden / FOLDERS[source], tmp_path / "out", ConversionOptions(to=target))
    assert report.heads == ("mlm", "nsp")
    written, expected = open_checkpoint(tmp_path / "out"), open_checkpoint(golden / FOLDERS[target])
    assert written.layout.architecture == "albert"
    assert set(written.parameters) == set(expected.parameters)
    for parameter in expected.parameters:
        assert written.stored_name(parameter) == expected.stored_name(parameter)
        value, axes = expected.read(parameter, expected.stored_axes(parameter)), expected.stored_axes(parameter)
        assert same_bits(np.ascontiguousarray(written.read(parameter, axes)), value), parameter


def test_the_decoder_that_old_files_repeat_is_recognized(golden, tmp_path):
    folder = golden / FOLDERS["huggingface"]
    tensors = load_file(folder / "model.safetensors")
    tensors["predictions.decoder.weight"] = tensors["albert.embeddings.word_embeddings.weight"]
    tensors["predictions.decoder.bias"] = tensors["predictions.bias"]
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    assert len(open_checkpoint(tmp_path).match.copies) == 2


def test_the_encoder_alone_converts_without_its_heads(golden, tmp_path):
    options = ConversionOptions("huggingface", "encoder")
    report = convert_checkpoint(golden / FOLDERS["tf1"], tmp_path / "out", options)
    assert report.heads == ()
    assert "cls/predictions/output_bias" in report.skipped
