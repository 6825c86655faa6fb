"""The ε of LayerNorm travels with the configuration, into everything that computes."""

import json

import numpy as np
import pytest
from closeness import assert_close
from judges import skip_without

from bertferry.convert import ConversionOptions, convert_checkpoint, diff_checkpoints, open_checkpoint
from bertferry.convert.command import main as convert
from bertferry.convert.loading import load_network
from bertferry.core.config import LAYER_NORM_EPSILON
from bertferry.export import ModuleOptions, OnnxOptions, export_hub_module, export_onnx
from bertferry.verify import ParityOptions, verify_parity
from bertferry.verify.resolution import resolve_artifact

EPSILON = 0.05
"""Large: the variances of the golden encoder's vectors are around 1."""


@pytest.fixture(scope="module")
def other(golden, tmp_path_factory):
    """The golden masked-LM model as a folder of transformers with another ε."""
    folder = tmp_path_factory.mktemp("other") / "m"
    convert_checkpoint(golden / "tf1_pretrain_L2", folder, ConversionOptions(to="huggingface", task="mlm"))
    config = json.loads((folder / "config.json").read_text())
    assert config["layer_norm_eps"] == LAYER_NORM_EPSILON
    (folder / "config.json").write_text(json.dumps({**config, "layer_norm_eps": EPSILON}))
    return folder


def outputs(artifact, inputs, task="mlm"):
    positions = np.array([[0, 3], [1, 2]], np.int32)
    return resolve_artifact(artifact, task).open().run({**inputs, "masked_lm_positions": positions})


def test_it_changes_what_is_computed(golden, other, golden_inputs):
    want, got = (outputs(path, golden_inputs) for path in (golden / "tf1_pretrain_L2", other))
    assert all(np.abs(want[name] - got[name]).max() > 1e-3 for name in want)


def test_the_network_computes_the_same_as_the_reference(other, golden_inputs):
    network = load_network(open_checkpoint(other), "mlm")
    positions = np.array([[0, 3], [1, 2]], np.int32)
    got = network([*golden_inputs.values(), positions])
    for value, want in zip(got, outputs(other, golden_inputs).values(), strict=True):
        assert_close(value, want)
    rebuilt = type(network.layers[3]).from_config(network.layers[3].get_config())
    assert rebuilt.get_layer("embeddings/layer_norm").epsilon == EPSILON


@pytest.mark.parametrize("optimize", ["none", "ort"])
def test_a_graph(other, tmp_path, optimize):
    report = export_onnx(tmp_path / "m.onnx", OnnxOptions("mlm", optimize=optimize), checkpoint=other)
    assert report.verdict.startswith("AGREE")


def test_a_module_and_its_manifest(other, tmp_path):
    report = export_hub_module(other, tmp_path / "module", ModuleOptions(task="mlm"))
    assert report.verdict.startswith("AGREE")
    assert report.configuration["layer_norm_eps"] == EPSILON
    assert open_checkpoint(tmp_path / "module").config.layer_norm_eps == EPSILON


def test_transformers_agree(other):
    skip_without("torch", "transformers")
    report = verify_parity(str(other), [f"huggingface:{other}"], ParityOptions(task="mlm"))
    assert report.ok


def test_a_conversion_keeps_it(other, tmp_path):
    convert_checkpoint(other, tmp_path / "keras", ConversionOptions(task="encoder"))
    assert json.loads((tmp_path / "keras/bert_config.json").read_text())["layer_norm_eps"] == EPSILON
    convert_checkpoint(tmp_path / "keras", tmp_path / "back", ConversionOptions(to="huggingface"))
    assert json.loads((tmp_path / "back/config.json").read_text())["layer_norm_eps"] == EPSILON
    assert diff_checkpoints(tmp_path / "keras", tmp_path / "back").equal


def test_a_difference_in_it_counts(golden, other, tmp_path):
    convert_checkpoint(golden / "tf1_pretrain_L2", tmp_path / "m", ConversionOptions(to="huggingface", task="mlm"))
    difference = diff_checkpoints(other, tmp_path / "m")
    assert not difference.equal
    assert difference.configuration["layer_norm_eps"] == (EPSILON, LAYER_NORM_EPSILON)


@pytest.mark.parametrize("to", ["tf1", "tf_20", "tf_20_3d", "garden_v1", "garden_v2", "keras_names"])
def test_a_target_that_cannot_hold_it(other, tmp_path, capfd, to):
    arguments = ["--input", str(other), "--output", str(tmp_path / "out"), "--task", "encoder"]
    assert convert([*arguments, "--to", to]) == 2
    line = f"layer_norm_eps is 0.05, which {to} cannot hold: its readers compute with 1e-12: choose --to"
    assert line in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_bert_config_without_it_has_berts(golden):
    assert open_checkpoint(golden / "tf1_core_L2").config.layer_norm_eps == LAYER_NORM_EPSILON
