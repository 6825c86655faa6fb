"""Encoders of other architectures become a BERT that computes the same, or are refused with the reason."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bertferry.convert import ConversionOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.command import main
from bertferry.verify import ParityOptions, render, verify_parity

AS_BERT = ConversionOptions("huggingface", architecture="bert")


def with_keys(source, folder, **keys):
    """A copy of a folder with other keys in its configuration."""
    shutil.copytree(source, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | keys))
    return folder


@pytest.fixture
def roberta(golden, tmp_path):
    """One with the ε of BERT, which all layouts hold."""
    return with_keys(golden / "hf_roberta_core_L2", tmp_path / "roberta", layer_norm_eps=1e-12)


def assert_computes_the_same(source, target, task="encoder", outputs="all"):
    """Asserts equal outputs on the probes that both understand alike, and the same bits in other parameters."""
    report = verify_parity(source, [target], ParityOptions(task=task, outputs=outputs))
    assert report.ok, render(report)
    written, old = open_checkpoint(target), open_checkpoint(source)
    for name in {*written.parameters} & {*old.parameters} - {"embeddings/position"}:
        np.testing.assert_array_equal(written.read(name).view(np.uint32), old.read(name).view(np.uint32), name)
    return report


@pytest.mark.parametrize("target", ["tf1", "tf_20", "garden_v2", "keras_names_v2"])
def test_layouts_of_bert_hold_a_roberta_with_its_epsilon(roberta, tmp_path, target):
    report = convert_checkpoint(roberta, tmp_path / "out", ConversionOptions(target))
    assert "computes what Roberta does on texts that are padded on the right alone" in report.notes[0]
    position = next(row for row in report.tensors if row.parameter == "embeddings/position")
    assert position.source == "embeddings.position_embeddings.weight[2:]"
    written = open_checkpoint(tmp_path / "out")
    assert written.config.architecture == "bert"
    table = load_file(roberta / "model.safetensors")["embeddings.position_embeddings.weight"]
    np.testing.assert_array_equal(written.read("embeddings/position"), table[2:])
    assert_computes_the_same(roberta, tmp_path / "out")


@pytest.mark.parametrize("task", ["encoder", "mlm", "classifier"])
def test_each_task_of_roberta_is_that_of_a_bert_of_transformers(golden, tmp_path, task):
    source = golden / {"encoder": "hf_roberta_core_L2", "mlm": "hf_roberta_mlm_L2"}.get(task, "hf_roberta_cls_L2")
    convert_checkpoint(source, tmp_path / "out", AS_BERT)
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert config["model_type"] == "bert"
    assert config["layer_norm_eps"] == 1e-5
    report = assert_computes_the_same(source, tmp_path / "out", task)
    probes = {probe.probe for probe in report.candidates[0].probes}
    assert "maximum length" in probes
    assert "left padding" not in probes
    assert "padded on the right" in report.notes[-1]


def test_keras_bert_says_whose_configuration_it_has(golden, tmp_path):
    """Without it, one segment and this ε are those of RoBERTa."""
    options = ConversionOptions("keras_bert", architecture="bert")
    convert_checkpoint(golden / "hf_roberta_core_L2", tmp_path / "out", options)
    assert json.loads((tmp_path / "out/bert_config.json").read_text())["architecture"] == "bert"
    assert_computes_the_same(golden / "hf_roberta_core_L2", tmp_path / "out")


@pytest.mark.parametrize(("name", "task"), [("core", "encoder"), ("mlm", "mlm")])
def test_distilbert_gets_a_segment_of_zeros(golden, tmp_path, name, task):
    source = golden / f"hf_distilbert_{name}_L2"
    report = convert_checkpoint(source, tmp_path / "out", AS_BERT)
    assert "has one segment: segment ids must be 0" in report.notes
    segments = open_checkpoint(tmp_path / "out").read("embeddings/segment")
    np.testing.assert_array_equal(segments, np.zeros((1, 8), np.float32))
    assert_computes_the_same(source, tmp_path / "out", task)


def test_distilbert_gets_a_pooler_on_request_alone(golden, tmp_path, one_line):
    source, out = golden / "hf_distilbert_core_L2", tmp_path / "out"
    assert main(["--input", str(source), "--output", str(out), "--to", "tf1"]) == 1
    one_line("missing pooler/kernel, pooler/bias .*: give --init-missing-head")
    convert_checkpoint(source, out, ConversionOptions("tf1", init_missing_head=True))
    assert_computes_the_same(source, out, outputs="common")


def test_the_pooler_of_a_classifier_is_not_that_of_the_encoder(golden, tmp_path):
    """It is left out with the classifier: DistilBERT's has another activation than BERT's."""
    source = golden / "hf_tf_distilbert_cls_L2"
    report = convert_checkpoint(
        source, tmp_path / "out", ConversionOptions("huggingface", "encoder", architecture="bert")
    )
    assert report.skipped["pre_classifier/kernel:0"] == "of classifier, which is not in the target"
    assert "pooler/kernel" not in open_checkpoint(tmp_path / "out").parameters


def test_electra_without_a_projection_is_bert(golden, tmp_path):
    source, out = golden / "hf_electra_wide_disc_L2", tmp_path / "out"
    options = ConversionOptions("tf1", "encoder", init_missing_head=True, architecture="bert")
    convert_checkpoint(source, out, options)
    assert open_checkpoint(out).layout.name == "tf1"
    assert_computes_the_same(source, out, outputs="common")


REFUSED = {
    "hf_albert_pretrain_L2": "its embeddings are projected to the hidden size",
    "hf_electra_disc_L2": "its embeddings are projected to the hidden size",
    "hf_tf_mpnet_core_L2": "its attention has a bias by relative position",
    "hf_tf_distilbert_cls_L2": "its classifier has relu where BERT has tanh",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_bert_computes_is_refused_with_the_reason(golden, tmp_path, one_line, name):
    arguments = ["--input", str(golden / name), "--output", str(tmp_path / "out"), "--to", "huggingface"]
    assert main([*arguments, "--architecture", "bert"]) == 2
    one_line(f"BERT cannot hold an? .* encoder: {REFUSED[name]}: leave out --architecture")
    arguments[-1] = "garden_v1"
    assert main([*arguments, "--task", "all"]) == 2
    one_line(f"garden_v1 cannot hold an? .* encoder: {REFUSED[name]}: choose --to .*huggingface")


def test_a_language_model_with_an_activation_of_its_own_is_refused(golden, tmp_path, one_line):
    source = with_keys(golden / "hf_roberta_mlm_L2", tmp_path / "source", hidden_act="relu")
    arguments = ["--input", str(source), "--output", str(tmp_path / "out"), "--to", "huggingface"]
    assert main([*arguments, "--architecture", "bert"]) == 2
    one_line("its masked LM has gelu_erf where BERT has the activation of its layers")
    assert main([*arguments, "--architecture", "bert", "--task", "encoder"]) == 0


def test_the_epsilon_of_roberta_has_no_place_in_tf1(golden, tmp_path, one_line):
    arguments = ["--input", str(golden / "hf_roberta_core_L2"), "--output", str(tmp_path / "out"), "--to", "tf1"]
    assert main(arguments) == 2
    one_line("layer_norm_eps is 1e-05, which tf1 cannot hold: .*: choose --to keras_bert or huggingface")


def test_a_wrong_row_of_positions_is_found(roberta, tmp_path):
    convert_checkpoint(roberta, tmp_path / "out", AS_BERT)
    tensors = load_file(tmp_path / "out/model.safetensors")
    table = load_file(roberta / "model.safetensors")["embeddings.position_embeddings.weight"]
    save_file(
        {**tensors, "embeddings.position_embeddings.weight": table[1:-1]}, tmp_path / "out/model.safetensors"
    )
    assert not verify_parity(roberta, [tmp_path / "out"]).ok
