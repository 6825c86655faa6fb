"""Modules of strings give the genuine ids, a wrong one is found out, and the tokenizer comes back."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from judges import skip_without
from safetensors.numpy import save_file
from text_cases import CASES, write_case

from bertferry.convert import ConversionOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.locate import locate
from bertferry.convert.sentence_files import read_sentence
from bertferry.convert.sentence_modules import read_dense
from bertferry.core.sentence import Dense
from bertferry.export import ModuleOptions, export_hub_module
from bertferry.export.command import main
from bertferry.export.hub_exporter import plan_module
from bertferry.export.text_writer import write_preprocessing
from bertferry.verify import verify_parity
from bertferry.verify.command import main as verify

skip_without("tensorflow_text", "tokenizers")
import tensorflow as tf  # noqa: E402 - it may be missing

OFTEN = ("added-token-in-vocab",)
"""Cases of every run; the others are slow ones: a graph of a tokenizer takes long to trace."""
PREPROCESSING = [
    pytest.param(name, marks=() if name in OFTEN else pytest.mark.slow)
    for name, case in CASES.items()
    if case["task"] == "preprocessing" and "ids" in case
]
TEXT = [
    pytest.param(name, marks=() if name == "sentence-prompt" else pytest.mark.slow)
    for name, case in CASES.items()
    if case["task"] == "text"
]
PLANTED: dict[str, dict[str, Any]] = {
    "do_lower_case is false": {"lower_case": False},
    "strip_accents is false": {"strip_accents": False},
    "tokenize_chinese_chars is false": {"tokenize_chinese_chars": False},
    "clean_text is false": {"clean_text": False},
    "max_input_chars_per_word is 50": {"max_word_length": 50},
    "special tokens in texts are split": {"split_special_tokens": True},
    "truncation_side is left": {"truncation_side": "left"},
    "padding_side is left": {"padding_side": "left"},
    "texts are cut at 64, not 12": {"max_length": 64},
}
PREPROCESS = ModuleOptions(export="preprocessing")


def ids_of(folder, texts):
    """The ids of texts by a preprocessing module, without padding."""
    outputs = tf.saved_model.load(str(folder))(tf.constant(texts))
    pairs = zip(outputs["input_word_ids"].numpy(), outputs["input_mask"].numpy(), strict=True)
    return [ids[mask == 1].tolist() for ids, mask in pairs]


@pytest.mark.parametrize("name", PREPROCESSING)
def test_a_preprocessing_module_gives_the_ids(tmp_path, name):
    case = CASES[name]
    source = write_case(tmp_path / "source", case["files"])
    report = export_hub_module(source, tmp_path / "module", PREPROCESS)
    assert report.verdict.startswith("AGREE")
    assert ids_of(tmp_path / "module", case["texts"]) == case["ids"]


@pytest.mark.parametrize("name", TEXT)
def test_a_text_embedding_agrees_with_the_source(tmp_path, name):
    source = add_dense(write_case(tmp_path / "source", CASES[name]["files"]))
    report = export_hub_module(source, tmp_path / "module", ModuleOptions(task="text"))
    assert report.verdict.startswith("AGREE")
    convert_checkpoint(tmp_path / "module", tmp_path / "out", ConversionOptions(to="huggingface", task="encoder"))
    before, after = (read_sentence(locate(folder)) for folder in (source, tmp_path / "out"))
    assert after.facts() == before.facts()
    first, last = (sentence.layers[-1] for sentence in (before, after))
    assert isinstance(first, Dense)
    assert isinstance(last, Dense)
    np.testing.assert_array_equal(read_dense(first)[0], read_dense(last)[0])


def add_dense(folder):
    """Appends a layer to the model of sentence-transformers."""
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"path": "9_Dense", "type": "sentence_transformers.models.Dense"})
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "9_Dense").mkdir()
    config = {"in_features": 16, "out_features": 3, "bias": True}
    (folder / "9_Dense" / "config.json").write_text(json.dumps(config))
    kernel = np.linspace(-1, 1, 48, dtype=np.float32).reshape(3, 16)
    tensors = {"linear.weight": kernel, "linear.bias": np.ones(3, np.float32)}
    save_file(tensors, folder / "9_Dense" / "model.safetensors")
    return folder


@pytest.mark.parametrize("name", [pytest.param("strip-accents-false", marks=pytest.mark.slow), "sentence-prompt"])
def test_the_tokenizer_comes_back_from_a_module(tmp_path, name):
    source = write_case(tmp_path / "source", CASES[name]["files"])
    before = open_checkpoint(source).tokenizer_reading.tokenizer
    encoder = ConversionOptions(to="keras_bert", task="encoder")
    convert_checkpoint(source, tmp_path / "keras", encoder)
    export_hub_module(tmp_path / "keras", tmp_path / "module", ModuleOptions(verify=False))
    convert_checkpoint(tmp_path / "module", tmp_path / "keras again", encoder)
    convert_checkpoint(tmp_path / "keras again", tmp_path / "out", replace(encoder, to="huggingface"))
    if name == "sentence-prompt":
        assert read_sentence(locate(tmp_path / "out")) == read_sentence(locate(source))
    after = open_checkpoint(tmp_path / "out").tokenizer_reading.tokenizer
    assert replace(after, max_length=None, added=()) == replace(before, max_length=None, added=())
    assert set(after.added) == set(before.added)
    saved = tf.saved_model.load(str(tmp_path / "module"))
    tf.saved_model.save(saved, str(tmp_path / "fine-tuned"))
    names = {path.name for path in (tmp_path / "module/assets").iterdir()}
    assert {path.name for path in (tmp_path / "fine-tuned/assets").iterdir()} == names


def test_what_no_module_can_do_is_refused_by_name(tmp_path, capfd):
    source = write_case(tmp_path / "source", CASES["japanese-mecab"]["files"])
    capfd.readouterr()
    command = ["--checkpoint", str(source), "--output", str(tmp_path / "module")]
    assert main([*command, "--export", "preprocessing"]) == 2
    error = capfd.readouterr().err
    assert "no module of strings can be right: BertJapaneseTokenizer cuts texts with MeCab" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "module").exists()
    assert main([*command, "--no-verify"]) == 0
    assert "BertJapaneseTokenizer cuts texts with MeCab" in (tmp_path / "module/README.md").read_text()


def test_contradictions_are_in_the_report(tmp_path):
    source = write_case(tmp_path / "source", CASES["strip-accents-in-tokenizer-json"]["files"])
    report = export_hub_module(source, tmp_path / "module", PREPROCESS, dry_run=True)
    assert any("tokenizer.json has strip_accents false" in note for note in report.notes)
    assert report.tokenizer["special_tokens"] == "find"


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTED)
def test_a_module_with_a_wrong_setting_disagrees(tmp_path, name):
    files = CASES["mask-in-text"]["files"]
    config = {**files["tokenizer_config.json"], "model_max_length": 12}
    source = write_case(tmp_path / "source", {**files, "tokenizer_config.json": config})
    planned = plan_module(open_checkpoint(source), tmp_path / "module", PREPROCESS, None)
    wrong = replace(planned.assets.tokenizer, **PLANTED[name])
    write_preprocessing(tmp_path / "module", replace(planned, assets=replace(planned.assets, tokenizer=wrong)))
    report = verify_parity(source, [tmp_path / "module"])
    assert f"wrong settings of the candidate: {name}" in report.verdict()


@pytest.mark.slow
def test_the_command_compares_texts_of_a_file(tmp_path, capsys):
    source = write_case(tmp_path / "source", CASES["mask-in-text"]["files"])
    export_hub_module(source, tmp_path / "module", replace(PREPROCESS, verify=False))
    (tmp_path / "texts.txt").write_text("the [MASK] is good\na movie\n")
    arguments = ["--reference", str(source), "--candidate", str(tmp_path / "module")]
    assert verify([*arguments, "--texts", str(tmp_path / "texts.txt")]) == 0
    assert "AGREE on 1 probe" in capsys.readouterr().out
    assert verify([*arguments, "--localize"]) == 2
    config = json.loads((source / "tokenizer_config.json").read_text())
    (source / "tokenizer_config.json").write_text(
        json.dumps({**config, "tokenizer_class": "BertJapaneseTokenizer"})
    )
    assert verify(arguments) == 2
