"""The manifest of a module: written as it always was, read with clear refusals, another project's left alone."""

import json

import pytest

from bertferry.core.errors import UsageError
from bertferry.core.manifest import MANIFEST, Manifest, ModuleSource, Proof, is_manifest, read_manifest

MODULE = Manifest(
    task="encoder",
    precision="fp16",
    configuration={"hidden_size": 8},
    do_lower_case=None,
    sentence=None,
    source=ModuleSource("tf1", ("nsp/bias",), {"bert_model.ckpt.index": "00"}),
    versions={"python": "3.11"},
    files={"saved_model.pb": "11"},
    parity=Proof("AGREE", "fp16", 0.03, 0.01, 40.0),
)
TEXT = """{
 "schema": "bertferry.module/2",
 "task": "encoder",
 "precision": "fp16",
 "configuration": {
  "hidden_size": 8
 },
 "do_lower_case": null,
 "sentence": null,
 "source": {
  "layout": "tf1",
  "fresh_parameters": [
   "nsp/bias"
  ],
  "files": {
   "bert_model.ckpt.index": "00"
  }
 },
 "versions": {
  "python": "3.11"
 },
 "files": {
  "saved_model.pb": "11"
 },
 "parity": {
  "verdict": "AGREE",
  "profile": "fp16",
  "atol": 0.03,
  "rtol": 0.01,
  "min_sqnr_db": 40.0
 }
}
"""


def test_it_is_written_in_one_form_and_read_back(tmp_path):
    MODULE.write(tmp_path)
    assert (tmp_path / MANIFEST).read_text() == TEXT
    assert read_manifest(tmp_path) == MODULE


@pytest.mark.parametrize("text", [None, "[]", "{}", '{"configuration": {}}', '{"schema": "other/1", "task": 1}'])
def test_that_of_another_project_says_nothing(tmp_path, text):
    if text is not None:
        (tmp_path / MANIFEST).write_text(text)
        assert not is_manifest(json.loads(text))
    assert read_manifest(tmp_path) is None


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (TEXT, TEXT[:-5], "not valid JSON: "),
        ("module/2", "module/3", "schema is 'bertferry.module/3', expected bertferry.module/2"),
        (' "precision": "fp16",\n', "", "precision is missing"),
        ('"precision": "fp16"', '"precision": "half"', "precision is 'half': expected one of fp32, fp16, bf16"),
        ('"task": "encoder"', '"task": ["encoder"]', r"task must be a string, not \['encoder'\]"),
        ('"do_lower_case": null', '"do_lower_case": "yes"', "do_lower_case must be true or false, not 'yes'"),
        ('"layout": "tf1"', '"layout": null', "source.layout must be a string, not None"),
        ('"sentence": null', '"sentence": null, "more": 1', "unknown key more"),
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path, old, new, fault):
    (tmp_path / MANIFEST).write_text(TEXT.replace(old, new))
    with pytest.raises(UsageError, match=f"{MANIFEST}: {fault}"):
        read_manifest(tmp_path)


FIRST = """{
 "schema": "bertferry.module/1",
 "task": "encoder",
 "source_layout": "keras_bert",
 "configuration": {
  "hidden_size": 8
 },
 "do_lower_case": null,
 "versions": {
  "bertferry": "0.1.0"
 },
 "files": {
  "saved_model.pb": "11"
 },
 "parity": "AGREE on 11 probes within fp32 (atol 3e-05, rtol 0.0001)"
}
"""
"""As version 0.1.0 wrote it."""


def test_that_of_version_0_1_0_is_read(tmp_path):
    (tmp_path / MANIFEST).write_text(FIRST)
    assert read_manifest(tmp_path) == Manifest(
        task="encoder",
        precision="fp32",
        configuration={"hidden_size": 8},
        do_lower_case=None,
        sentence=None,
        source=ModuleSource("keras_bert", (), {}),
        versions={"bertferry": "0.1.0"},
        files={"saved_model.pb": "11"},
        parity=None,
    )


def test_one_with_the_keys_of_today_under_the_first_number_is_read(tmp_path):
    """As versions between 0.1.0 and 0.2.0 wrote it."""
    (tmp_path / MANIFEST).write_text(TEXT.replace("module/2", "module/1"))
    assert read_manifest(tmp_path) == MODULE


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (' "source_layout": "keras_bert",\n', "", "source is missing"),
        (' "task": "encoder",\n', "", "task is missing"),
    ],
)
def test_a_damaged_one_of_version_0_1_0_is_refused(tmp_path, old, new, fault):
    (tmp_path / MANIFEST).write_text(FIRST.replace(old, new))
    with pytest.raises(UsageError, match=f"{MANIFEST}: {fault}"):
        read_manifest(tmp_path)
