"""Token classifiers: told from sentence classifiers, which every layout stores under the same names."""

import json
import shutil

import numpy as np
import pytest
from closeness import assert_close
from judges import networks

from bertferry.convert import (
    ConversionOptions,
    convert_checkpoint,
    diff_checkpoints,
    inspect_checkpoint,
    open_checkpoint,
)
from bertferry.convert.command import main

SOURCES = ("hf_token_L2", "hf_token_pooler_L2", "tf1_token_L2")


def convert(source, output, to, *options):
    return main(["--input", str(source), "--output", str(output), "--to", to, *options])


@pytest.mark.parametrize("source", SOURCES)
def test_the_network_computes_the_reference(golden, source):
    model = networks.load_network(open_checkpoint(golden / source), "tokens")
    with np.load(golden / "hf_token_L2.npz") as stored:
        logits = model([stored["ids"], stored["mask"], stored["seg"]])
        assert logits.shape == (2, 7, 5)
        assert_close(logits, stored["logits"])


def test_the_architecture_decides(golden):
    assert open_checkpoint(golden / "hf_token_L2").heads == ("tokens",)
    assert open_checkpoint(golden / "hf_token_pooler_L2").heads == ("tokens",)


@pytest.mark.parametrize("source", ["tf1_token_L2", "tf1_cls_L2", "tf_20_cls_L2", "keras_bert_L2_21_cls"])
@pytest.mark.parametrize("task", ["classifier", "tokens"])
def test_a_file_that_leaves_it_open_asks(golden, tmp_path, capsys, source, task):
    output = tmp_path / "out"
    assert convert(golden / source, output, "huggingface") == 2
    error = capsys.readouterr().err
    tasks = "give --task classifier or --task tokens to read it so, or --task encoder to leave it out"
    assert error.endswith(f"may belong to either head: {tasks}\n")
    assert not output.exists()
    assert convert(golden / source, output, "huggingface", "--task", task) == 0
    kind = {"classifier": "BertForSequenceClassification", "tokens": "BertForTokenClassification"}[task]
    assert json.loads((output / "config.json").read_text())["architectures"] == [kind]
    assert open_checkpoint(output).heads == (task,)


@pytest.mark.parametrize("to", ["tf1", "keras_names"])
def test_it_may_stay_open_where_both_heads_have_the_same_names(golden, tmp_path, capsys, to):
    assert convert(golden / "tf1_token_L2", tmp_path / "out", to) == 0
    assert "heads: classifier or tokens;" in capsys.readouterr().out
    assert "task" not in json.loads((tmp_path / "out/bert_config.json").read_text())
    assert inspect_checkpoint(tmp_path / "out").heads == ("classifier or tokens",)
    assert convert(tmp_path / "out", tmp_path / "back", "huggingface", "--task", "tokens") == 0
    assert diff_checkpoints(tmp_path / "back", golden / "hf_token_pooler_L2").equal


def test_an_encoder_alone_is_not_asked_for_its_head(golden, tmp_path, capsys):
    assert convert(golden / "tf1_token_L2", tmp_path / "out", "keras_bert", "--task", "encoder") == 0
    assert "head classifier or tokens not in the target, kept with --task classifier or --task tokens" in (
        capsys.readouterr().out
    )
    assert inspect_checkpoint(golden / "tf1_token_L2").heads == ("classifier or tokens",)


@pytest.mark.parametrize(("source", "task"), [("hf_token_L2", "classifier"), ("hf_token_pooler_L2", "classifier")])
def test_a_trained_head_is_never_read_as_the_other_kind(golden, tmp_path, capsys, source, task):
    assert convert(golden / source, tmp_path / "out", "huggingface", "--task", task) == 1
    assert "missing " in (error := capsys.readouterr().err)
    assert "classifier/kernel" in error
    assert not (tmp_path / "out").exists()


def test_a_sentence_classifier_without_a_pooler_is_not_read_as_one_of_tokens(golden, tmp_path, capsys):
    shutil.copytree(golden / "hf_token_L2", tmp_path / "source")
    config = json.loads((tmp_path / "source" / "config.json").read_text())
    config["architectures"] = ["BertForSequenceClassification"]
    (tmp_path / "source" / "config.json").write_text(json.dumps(config))
    assert convert(tmp_path / "source", tmp_path / "out", "huggingface") == 1
    assert "pooler" in capsys.readouterr().err


def test_a_head_of_another_kind_is_named(golden, tmp_path, capfd):
    shutil.copytree(golden / "hf_token_pooler_L2", tmp_path / "source")
    config = json.loads((tmp_path / "source" / "config.json").read_text())
    config["architectures"] = ["BertForEntailment"]
    (tmp_path / "source" / "config.json").write_text(json.dumps(config))
    assert convert(tmp_path / "source", tmp_path / "out", "tf1") == 2
    assert "is of a BertForEntailment, which is neither: give --task" in capfd.readouterr().err
    assert convert(tmp_path / "source", tmp_path / "out", "tf1", "--task", "encoder") == 0


@pytest.mark.parametrize("through", ["tf1", "tf_20", "keras_bert", "keras_names_v2"])
def test_it_comes_back_with_its_labels(golden, tmp_path, through):
    source = golden / "hf_token_pooler_L2"
    convert_checkpoint(source, tmp_path / "between", ConversionOptions(to=through, task="all"))
    convert_checkpoint(tmp_path / "between", tmp_path / "back", ConversionOptions(to="huggingface"))
    before, after = (json.loads((folder / "config.json").read_text()) for folder in (source, tmp_path / "back"))
    for key in ("architectures", "id2label", "label2id"):
        assert after[key] == before[key]
    assert diff_checkpoints(source, tmp_path / "back").equal
    assert diff_checkpoints(source, golden / "tf1_token_L2").equal


@pytest.mark.parametrize("target", ["garden_v1", "garden_v2"])
def test_a_target_that_has_no_such_head_refuses_it_by_name(golden, tmp_path, capsys, target):
    assert convert(golden / "tf1_token_L2", tmp_path / "out", target, "--task", "tokens") == 2
    assert f"{target} has no file for tokens: choose another --task or --to" in capsys.readouterr().err


def test_a_pooler_that_the_target_needs_is_named(golden, tmp_path, capsys):
    assert convert(golden / "hf_token_L2", tmp_path / "out", "tf1") == 1
    assert "missing pooler/kernel, pooler/bias (required by tf1 for these heads)" in capsys.readouterr().err
