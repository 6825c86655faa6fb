"""ELECTRA's two networks convert between tf1, which has both in a file, and huggingface, which has one in each."""

import json
import shutil

import numpy as np
import pytest

from bertferry.convert import (
    ConversionOptions,
    SourceOptions,
    convert_checkpoint,
    diff_checkpoints,
    inspect_checkpoint,
    open_checkpoint,
)
from bertferry.convert.checkpoint import same_bits
from bertferry.convert.command import main

TF1 = {"electra": "tf1_electra_pretrain_L2", "wide": "tf1_electra_wide_pretrain_L2"}
"""With embeddings that are narrower than the discriminator, and as wide."""
TWINS = {
    ("electra", "electra"): ("hf_electra_disc_L2", "discriminator", "ElectraForPreTraining"),
    ("electra", "generator"): ("hf_electra_gen_L2", "mlm", "ElectraForMaskedLM"),
    ("wide", "electra"): ("hf_electra_wide_disc_L2", "discriminator", "ElectraForPreTraining"),
    ("wide", "generator"): ("hf_electra_wide_gen_L2", "mlm", "ElectraForMaskedLM"),
}


def assert_stored_alike(written, expected):
    """Asserts that both files have the same tensors under the same names."""
    assert set(written.parameters) == set(expected.parameters)
    for parameter in expected.parameters:
        assert written.stored_name(parameter) == expected.stored_name(parameter)
        axes = expected.stored_axes(parameter)
        value = np.ascontiguousarray(written.read(parameter, axes))
        assert same_bits(value, np.ascontiguousarray(expected.read(parameter, axes))), parameter


@pytest.mark.parametrize(("file", "network"), TWINS)
def test_each_network_of_a_tf1_file_is_the_golden_of_transformers(golden, tmp_path, file, network):
    twin, head, kind = TWINS[file, network]
    convert_checkpoint(
        golden / TF1[file],
        tmp_path / "out",
        ConversionOptions("huggingface"),
        source=SourceOptions(prefix=network),
    )
    written, expected = open_checkpoint(tmp_path / "out"), open_checkpoint(golden / twin)
    assert_stored_alike(written, expected)
    assert written.heads == (head,)
    assert written.config == expected.config
    assert json.loads((tmp_path / "out" / "config.json").read_text())["architectures"] == [kind]


@pytest.mark.parametrize(("file", "network"), TWINS)
def test_each_golden_of_transformers_has_the_names_of_tf1(golden, tmp_path, file, network):
    twin = TWINS[file, network][0]
    convert_checkpoint(golden / twin, tmp_path / "out", ConversionOptions("tf1"))
    expected = open_checkpoint(golden / TF1[file], SourceOptions(prefix=network))
    assert_stored_alike(open_checkpoint(tmp_path / "out"), expected)
    convert_checkpoint(tmp_path / "out", tmp_path / "back", ConversionOptions("huggingface"))
    assert diff_checkpoints(tmp_path / "back", golden / twin).equal


def test_the_discriminator_is_taken_and_the_generator_is_named(golden, tmp_path):
    report = convert_checkpoint(golden / TF1["electra"], tmp_path / "out", ConversionOptions("huggingface"))
    assert report.heads == ("discriminator",)
    assert (
        report.skipped["generator_predictions/output_bias"] == "of the generator, which --prefix generator chooses"
    )
    assert set(report.skipped.values()) == {
        "of the generator, which --prefix generator chooses",
        "step counter",
    }


def test_the_encoder_alone_leaves_the_head_out_by_name(golden, tmp_path):
    options = ConversionOptions("huggingface", "encoder")
    report = convert_checkpoint(golden / TF1["electra"], tmp_path / "out", options)
    why = report.skipped["discriminator_predictions/dense/kernel"]
    assert why == "head discriminator not in the target, kept with --task discriminator"
    source = SourceOptions(prefix="generator")
    report = convert_checkpoint(golden / TF1["electra"], tmp_path / "generator", options, source=source)
    why = report.skipped["generator_predictions/dense/kernel"]
    assert why == "head mlm not in the target, kept with --task mlm"
    assert open_checkpoint(tmp_path / "generator").config.hidden_size == 4


@pytest.mark.parametrize(("network", "heads", "hidden"), [("electra", "2", 8), ("generator", "1", 4)])
def test_without_a_configuration_the_sizes_are_those_of_the_network(golden, tmp_path, network, heads, hidden):
    """The released archives have none."""
    shutil.copytree(golden / TF1["electra"], tmp_path / "source", ignore=shutil.ignore_patterns("*.json"))
    source = SourceOptions(prefix=network, num_attention_heads=int(heads), activation="gelu_erf")
    convert_checkpoint(tmp_path / "source", tmp_path / "out", ConversionOptions("huggingface"), source=source)
    assert open_checkpoint(tmp_path / "out").config.hidden_size == hidden
    assert diff_checkpoints(tmp_path / "out", golden / TWINS["electra", network][0]).equal


def test_inspection_shows_both(golden):
    path = golden / TF1["electra"]
    assert inspect_checkpoint(path).heads == ("discriminator",)
    generator = inspect_checkpoint(path, SourceOptions(prefix="generator"))
    assert (generator.layout, generator.heads) == ("tf1_electra_generator", ("mlm",))
    assert generator.configuration["hidden_size"] == 4
    assert not generator.faults


def test_a_head_that_tf1_lacks_is_refused_by_name(golden, tmp_path, capsys):
    convert_checkpoint(
        golden / TF1["electra"],
        tmp_path / "span",
        ConversionOptions("huggingface", "span", init_missing_head=True),
    )
    assert open_checkpoint(tmp_path / "span").heads == ("span",)
    assert main(["--input", str(tmp_path / "span"), "--output", str(tmp_path / "out"), "--to", "tf1"]) == 2
    assert "tf1 has no file for span: choose another --task or --to" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
