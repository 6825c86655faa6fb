"""Multiple choice and next sentence alone: heads that convert, and that other tasks compute."""

import json

import numpy as np
import pytest
from closeness import assert_close
from judges import networks
from twins import assert_equal

from bertferry.convert import ConversionOptions, convert_checkpoint, diff_checkpoints, open_checkpoint
from bertferry.convert.command import main


def convert(source, output, *options):
    return main(["--input", str(source), "--output", str(output), *options])


@pytest.mark.parametrize("through", ["tf1", "tf_20", "keras_bert", "keras_names"])
def test_it_comes_back_as_what_it_is(golden, tmp_path, through):
    convert_checkpoint(golden / "hf_choice_L2", tmp_path / "between", ConversionOptions(through, "choice"))
    convert_checkpoint(tmp_path / "between", tmp_path / "back", ConversionOptions("huggingface"))
    assert diff_checkpoints(tmp_path / "back", golden / "hf_choice_L2").equal
    config = json.loads((tmp_path / "back" / "config.json").read_text())
    assert config["architectures"] == ["BertForMultipleChoice"]
    assert "id2label" not in config


def test_it_is_computed_as_a_classifier_of_each_choice(golden):
    model = networks.load_network(open_checkpoint(golden / "hf_choice_L2"), "classifier")
    with np.load(golden / "hf_choice_L2.npz") as stored:
        shape = stored["ids"].shape
        logits = model([stored[name].reshape(-1, shape[-1]) for name in ("ids", "mask", "seg")])
        assert_close(logits, stored["logits"].reshape(logits.shape))


def test_a_classifier_of_one_class_may_be_given_as_one_of_choices(golden, tmp_path):
    assert convert(golden / "hf_regression_L2", tmp_path / "out", "--to", "huggingface", "--task", "choice") == 0
    assert diff_checkpoints(tmp_path / "out", golden / "hf_choice_L2").equal


def test_an_open_file_with_one_class_asks(golden, tmp_path, capsys):
    convert_checkpoint(golden / "hf_regression_L2", tmp_path / "tf1", ConversionOptions("tf1"))
    (tmp_path / "tf1" / "bert_config.json").write_bytes((golden / "tf1_cls_L2/bert_config.json").read_bytes())
    assert convert(tmp_path / "tf1", tmp_path / "out", "--to", "huggingface") == 2
    assert "give --task classifier or --task tokens or --task choice to read it so" in capsys.readouterr().err
    assert convert(golden / "tf1_cls_L2", tmp_path / "out", "--to", "huggingface", "--task", "choice") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("to", ["tf1", "keras_names", "huggingface"])
def test_next_sentence_alone_stays_alone(golden, tmp_path, to):
    convert_checkpoint(golden / "hf_nsp_L2", tmp_path / "between", ConversionOptions(to, "nsp"))
    convert_checkpoint(tmp_path / "between", tmp_path / "back", ConversionOptions("huggingface"))
    config = json.loads((tmp_path / "back" / "config.json").read_text())
    assert config["architectures"] == ["BertForNextSentencePrediction"]
    assert_equal(open_checkpoint(tmp_path / "back"), open_checkpoint(golden / "hf_nsp_L2"))
