"""The meaning of a classifier's outputs is kept in conversions between layouts."""

import json
import shutil

import pytest

from bertferry.convert import (
    ConversionOptions,
    SourceOptions,
    convert_checkpoint,
    inspect_checkpoint,
    open_checkpoint,
)
from bertferry.convert.command import main
from bertferry.core.errors import BertferryError

NAMES = {"0": "very bad", "1": "bad", "2": "so-so", "3": "good", "4": "very good"}
LABELS = {
    "id2label": NAMES,
    "label2id": {name: int(number) for number, name in NAMES.items()},
    "problem_type": "single_label_classification",
}


def config_file(folder):
    return next(folder / name for name in ("config.json", "bert_config.json") if (folder / name).is_file())


def edited(source, target, **changes):
    """A copy of a folder whose configuration has other values; None takes a key out."""
    shutil.copytree(source, target)
    path = config_file(target)
    values = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    return target


def configuration(folder):
    return json.loads(config_file(folder).read_text())


@pytest.fixture
def classifier(golden, tmp_path):
    """A sentence classifier of transformers with names for its five classes."""
    convert_checkpoint(
        golden / "tf1_cls_L2", tmp_path / "plain", ConversionOptions(to="huggingface", task="classifier")
    )
    return edited(tmp_path / "plain", tmp_path / "classifier", **LABELS)


@pytest.mark.parametrize("through", ["tf1", "tf_20", "keras_bert", "keras_names", "keras_names_v2"])
def test_labels_survive_the_way_through_another_layout(classifier, tmp_path, through):
    convert_checkpoint(classifier, tmp_path / "between", ConversionOptions(to=through, task="all"))
    assert configuration(tmp_path / "between").items() >= {**LABELS, "task": "classifier"}.items()
    convert_checkpoint(tmp_path / "between", tmp_path / "back", ConversionOptions(to="huggingface"))
    assert configuration(tmp_path / "back") == configuration(classifier)


def test_a_regression_stays_one(golden, tmp_path):
    source = edited(golden / "hf_regression_L2", tmp_path / "source", problem_type="regression")
    convert_checkpoint(source, tmp_path / "between", ConversionOptions(to="keras_bert", task="classifier"))
    convert_checkpoint(
        tmp_path / "between", tmp_path / "back", ConversionOptions(to="huggingface", task="classifier")
    )
    back = configuration(tmp_path / "back")
    assert back["id2label"] == {"0": "LABEL_0"}
    assert back["problem_type"] == "regression"


def test_a_number_of_labels_counts_as_labels(golden, tmp_path):
    old = edited(golden / "hf_regression_L2", tmp_path / "old", id2label=None, label2id=None, num_labels=1)
    convert_checkpoint(old, tmp_path / "back", ConversionOptions(to="huggingface"))
    assert configuration(tmp_path / "back")["label2id"] == {"LABEL_0": 0}


def test_an_encoder_alone_has_no_labels(classifier, tmp_path):
    convert_checkpoint(classifier, tmp_path / "core", ConversionOptions(to="keras_bert", task="encoder"))
    convert_checkpoint(tmp_path / "core", tmp_path / "back", ConversionOptions(to="huggingface"))
    assert not {*LABELS, "task"} & {*configuration(tmp_path / "core"), *configuration(tmp_path / "back")}


def test_a_fresh_classifier_takes_no_labels_of_another(golden, tmp_path):
    convert_checkpoint(golden / "tf1_core_L2", tmp_path / "core", ConversionOptions(to="huggingface"))
    core = edited(tmp_path / "core", tmp_path / "named", **LABELS)
    convert_checkpoint(
        core,
        tmp_path / "out",
        ConversionOptions(to="huggingface", task="classifier", init_missing_head=True, num_labels=2),
    )
    assert configuration(tmp_path / "out")["id2label"] == {"0": "LABEL_0", "1": "LABEL_1"}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"id2label": {"0": "yes", "1": "no"}}, "id2label has 2 labels, but the classifier has 5 classes"),
        ({"id2label": {**{str(n): "x" for n in range(4)}, "7": "y"}}, "does not number its labels from 0 to 4"),
        ({"id2label": ["a", "b", "c", "d", "e"]}, "id2label does not map numbers to label names"),
        ({"problem_type": "ranking"}, "problem_type is 'ranking': expected one of regression, "),
    ],
)
def test_labels_that_are_not_the_classifiers_are_refused(classifier, tmp_path, capsys, changes, fault):
    source = edited(classifier, tmp_path / "source", **changes)
    output = tmp_path / "out"
    assert main(["--input", str(source), "--output", str(output), "--to", "tf1"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"convert-checkpoint: {source / 'config.json'}: ")
    assert fault in error
    assert not output.exists()
    assert main(["--input", str(source), "--output", str(output), "--to", "tf1", "--task", "encoder"]) == 0


def test_an_inspection_shows_them(classifier):
    assert inspect_checkpoint(classifier).configuration["id2label"] == NAMES
    assert open_checkpoint(classifier).classifier.head == "classifier"


@pytest.mark.parametrize("to", ["keras_bert", "tf_20", "garden_v1"])
def test_a_trained_head_is_not_left_out_by_default(classifier, tmp_path, capsys, to):
    arguments = ["--input", str(classifier), "--output", str(tmp_path / "out"), "--to", to]
    assert main(arguments) == 2
    keep = "--to huggingface" if to == "garden_v1" else "--task classifier"
    line = f"classifier.weight is of a trained head, which {to} leaves out by default: give {keep} to"
    assert line in capsys.readouterr().err
    assert main([*arguments, "--task", "encoder"]) == 0


@pytest.mark.parametrize("source", ["tf1_pretrain_L2", "keras_bert_L2_21_pre"])
def test_heads_of_pretraining_are_left_out_as_in_released_files(golden, tmp_path, source):
    assert convert_checkpoint(golden / source, tmp_path / "out").heads == ()


@pytest.mark.parametrize("through", ["huggingface", "keras_bert"])
def test_what_says_how_a_classifier_is_used_is_kept(classifier, tmp_path, through):
    """https://sbert.net/docs/cross_encoder/usage/usage.html: what becomes of the logits of a pair."""
    identity = "torch.nn.modules.linear.Identity"
    keys = {
        "sbert_ce_default_activation_function": identity,
        "sentence_transformers": {"activation_fn": identity, "version": "4.0.1"},
        "classifier_dropout": 0.3,
    }
    source = edited(classifier, tmp_path / "source", **keys)
    convert_checkpoint(source, tmp_path / "between", ConversionOptions(to=through, task="classifier"))
    convert_checkpoint(tmp_path / "between", tmp_path / "back", ConversionOptions(to="huggingface"))
    assert configuration(tmp_path / "back").items() >= keys.items()
    convert_checkpoint(source, tmp_path / "core", ConversionOptions(to="huggingface", task="encoder"))
    assert not keys.keys() & configuration(tmp_path / "core").keys()


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(NAMES.values()) + "\n",
        json.dumps(list(NAMES.values())),
        json.dumps(NAMES),
        json.dumps(LABELS["label2id"]),
        json.dumps({"id2label": NAMES, "hidden_size": 8}),
        "\ufeff" + json.dumps({"label2id": LABELS["label2id"]}),
    ],
    ids=["lines", "list", "id2label", "label2id", "configuration", "configuration with label2id"],
)
def test_labels_come_from_a_file(golden, tmp_path, text):
    (tmp_path / "labels").write_text(text, encoding="utf-8")
    stated = SourceOptions(labels=tmp_path / "labels")
    convert_checkpoint(
        golden / "tf1_cls_L2",
        tmp_path / "hf",
        ConversionOptions(to="huggingface", task="classifier"),
        source=stated,
    )
    written = configuration(tmp_path / "hf")
    assert written["id2label"] == NAMES
    assert written["label2id"] == LABELS["label2id"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\ntwo\n", r"labels: id2label has 2 labels, but the classifier has 5 classes"),
        ("a\nb\nc\nd\na\n", r"labels: the label 'a' occurs twice"),
        ('{"1": "a", "2": "b"}', r"labels: the labels are not numbered from 0"),
        ('{"a": [1]}', r"labels: expected a name per line, or JSON"),
        ("[", r"labels: .*expected a name per line, or JSON"),
        ("", r"labels: the labels are not numbered from 0"),
    ],
)
def test_other_labels_are_refused(golden, tmp_path, text, line):
    (tmp_path / "labels").write_text(text)
    with pytest.raises(BertferryError, match=line):
        convert_checkpoint(
            golden / "tf1_cls_L2",
            tmp_path / "hf",
            ConversionOptions(to="huggingface", task="classifier"),
            source=SourceOptions(labels=tmp_path / "labels"),
        )
    assert not (tmp_path / "hf").exists()


def test_labels_that_name_nothing_are_refused(golden, tmp_path, capfd):
    (tmp_path / "labels").write_text("a\nb\n")
    arguments = ["--output", str(tmp_path / "out"), "--labels", str(tmp_path / "labels")]
    assert main(["--input", str(golden / "tf1_core_L2"), *arguments]) == 2
    assert "keras_bert gets no classifier that labels could name" in capfd.readouterr().err
    fresh = ["--task", "classifier", "--init-missing-head"]
    assert main(["--input", str(golden / "tf1_core_L2"), *arguments, *fresh]) == 0
    assert configuration(tmp_path / "out")["id2label"] == {"0": "a", "1": "b"}


def test_names_that_a_preset_has_no_place_for_are_said(golden, tmp_path):
    (tmp_path / "labels").write_text("a\nb\nc\nd\ne\n")
    options = ConversionOptions(to="keras_hub", task="classifier")
    for labels in (tmp_path / "labels", None):
        stated = SourceOptions(labels=labels)
        report = convert_checkpoint(golden / "tf1_cls_L2", tmp_path / "out", options, source=stated, dry_run=True)
        assert any("no names of classes" in note for note in report.notes) == (labels is not None)
