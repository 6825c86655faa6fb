"""Labeled texts: what is read, what labels mean, and what is refused in one line that says where."""

import json
from pathlib import Path

import numpy as np
import pytest
from classification.labeled_texts import Columns, LabeledTexts, read_labeled_texts, split
from classification.targets import Targets, find_targets
from films.archive import read_film_reviews

from bertferry.convert import open_checkpoint
from bertferry.core.errors import UsageError


def write(tmp_path, content, name="texts.tsv"):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_columns_between_tabs(tmp_path):
    read = read_labeled_texts(write(tmp_path, '\ufeffGood film\tpos\r\n\r\n "Bad"  film\tneg\r\n'))
    assert (read.texts, read.seconds, read.labels) == (("Good film", '"Bad"  film'), None, ("pos", "neg"))


def test_pairs_and_named_columns(tmp_path):
    """As MRPC of GLUE is stored."""
    content = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tA b\tB a\n0\t9\t3\tC\tD\n"
    path = write(tmp_path, content)
    read = read_labeled_texts(path, Columns("#1 String", "#2 String", "Quality"))
    assert (read.texts, read.seconds, read.labels) == (("A b", "C"), ("B a", "D"), ("1", "0"))
    by_number = read_labeled_texts(write(tmp_path, content.partition("\n")[2]), Columns("4", "5", "1"))
    assert (by_number.texts, by_number.labels) == (read.texts, read.labels)
    assert read_labeled_texts(write(tmp_path, "a\tb\tx\nc\td\ty\n")).seconds == ("b", "d")


def test_lines_of_json(tmp_path):
    lines = [{"text": "two\nlines\tof  text", "label": 3}, {"text": "b", "label": "x", "more": None}]
    read = read_labeled_texts(write(tmp_path, "\n".join(map(json.dumps, lines)), "texts.jsonl"))
    assert (read.texts, read.labels) == (("two lines of text", "b"), ("3", "x"))
    other = [{"a": "x", "b": "y", "c": 0.5}]
    path = write(tmp_path, json.dumps(other[0]), "texts.jsonl")
    read = read_labeled_texts(path, Columns("a", "b", "c"))
    assert (read.texts, read.seconds, read.labels) == (("x",), ("y",), ("0.5",))


REFUSED = {
    "": "no labeled texts: expected one per line",
    "\n \n": "no labeled texts: expected one per line",
    "only text\n": "line 1 has 1 columns between tabs, not text and label",
    "a\tb\tc\td\n": "line 1 has 4 columns between tabs",
    "a\tx\nb\ty\tz\n": "line 2: 3 columns between tabs, but line 1 has 2",
    "a\tx\n\ty\n": "line 2: no text",
    "a\tx\nb\t\n": "line 2: no label",
    "sentence\tlabel\na\t0\nb\t1\nc\t0\nd\t1\n": "line 1: 'label' is the label of no other line",
    b"\xff\xfe\n": "labeled texts cannot be read: not UTF-8",
}


@pytest.mark.parametrize("content", REFUSED)
def test_what_is_no_labeled_text_is_refused(tmp_path, content):
    path = write(tmp_path, content)
    with pytest.raises(UsageError) as caught:
        read_labeled_texts(path)
    assert f"{path}" in str(caught.value)
    assert REFUSED[content] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("{", "line 1: not a JSON object per line"),
        ("[1]", "line 1: expected an object with the keys text and label"),
        ('{"text": "a", "class": 1}', "no 'label' among its keys text, class: name the keys with --text-column"),
        ('{"text": ["a"], "label": 1}', "no 'text' among"),
        (
            '{"text": "a", "label": 1}\n{"text": "b", "second": "c", "label": 2}',
            "line 2: some lines have one text",
        ),
    ],
)
def test_what_is_no_json_of_labeled_texts_is_refused(tmp_path, content, line):
    with pytest.raises(UsageError, match=line):
        read_labeled_texts(write(tmp_path, content, "texts.jsonl"))


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (Columns("x", None, "label"), "no column 'x': line 1 has sentence, label"),
        (Columns("3", None, "1"), "no column '3'"),
        (Columns("sentence"), "--label-column is missing, as other columns are named"),
    ],
)
def test_columns_that_are_not_there(tmp_path, columns, line):
    with pytest.raises(UsageError, match=line):
        read_labeled_texts(write(tmp_path, "sentence\tlabel\na\tb\n"), columns)


def test_a_missing_file(tmp_path):
    with pytest.raises(UsageError, match=r"absent\.tsv: labeled texts cannot be read: No such file or directory"):
        read_labeled_texts(tmp_path / "absent.tsv")


def examples(*labels):
    return LabeledTexts(Path("texts.tsv"), tuple(f"text {number}" for number in range(len(labels))), None, labels)


def test_a_split_is_one_of_its_seed():
    parts = split(examples(*map(str, range(20))), 0.25, 3)
    assert sorted(sum((part.texts for part in parts), ()), key=lambda text: int(text.split()[1])) == list(
        examples(*map(str, range(20))).texts
    )
    assert len(parts[1]) == 5
    assert parts == split(examples(*map(str, range(20))), 0.25, 3)
    assert parts != split(examples(*map(str, range(20))), 0.25, 4)
    with pytest.raises(UsageError, match=r"2 examples cannot be split by 0\.1"):
        split(examples("a", "b"), 0.1, 0)


@pytest.fixture
def source(golden):
    """A checkpoint without a head."""
    return open_checkpoint(golden / "tf1_core_L2")


def test_classes_are_in_order(source):
    assert find_targets(examples("10", "9", "b", "a"), source, regression=False).names == ("9", "10", "a", "b")
    targets = find_targets(examples("no", "yes", "no"), source, regression=False)
    assert targets.numbers(examples("yes", "no")).tolist() == [1, 0]
    with pytest.raises(UsageError, match="the label 'perhaps' is none of the classes no, yes"):
        targets.numbers(examples("yes", "perhaps"))


def test_scores_are_numbers(source):
    targets = find_targets(examples("1", "2.5"), source, regression=True)
    assert (targets.count, targets.score) == (1, "Spearman")
    assert targets.numbers(examples("-1e-3")).tolist() == [float(np.float32(-1e-3))]
    for label in ("high", "nan", "inf"):
        with pytest.raises(UsageError, match=f"'{label}' is no number, which --regression expects"):
            targets.numbers(examples(label))


def test_labels_that_teach_nothing(source):
    with pytest.raises(UsageError, match="all 2 labels are 'a': nothing to learn"):
        find_targets(examples("a", "a"), source, regression=False)
    with pytest.raises(UsageError, match=r"20 labels of 20 texts are no classes.*--regression"):
        find_targets(examples(*(f"{number / 7}" for number in range(20))), source, regression=False)


def test_a_head_of_the_source_keeps_its_classes(golden):
    head = open_checkpoint(golden / "hf_bin_cls_L2")
    targets = find_targets(examples("0", "4"), head, regression=False)
    assert (targets.names, targets.count) == (("0", "1", "2", "3", "4"), 5)
    with pytest.raises(UsageError, match="'5' is none of the classes 0, 1, 2, 3, 4 of the source's head: leave"):
        targets.numbers(examples("5"))
    with pytest.raises(UsageError, match="--regression, but its head has 5 classes: leave its head out first"):
        find_targets(examples("1", "2"), head, regression=True)


def test_a_head_of_a_regression_stays_one(golden):
    head = open_checkpoint(golden / "hf_regression_L2")
    assert find_targets(examples("1", "2"), head, regression=True).names == ()
    with pytest.raises(UsageError, match="its head is that of a regression: give --regression, or leave its head"):
        find_targets(examples("1", "2"), head, regression=False)


def test_results_of_classes_and_scores():
    logits, numbers = np.array([[0, 1, 0], [2, 0, 1]], np.float32), np.array([1, 2])
    assert Targets(("a", "b", "c")).results(logits, numbers)["accuracy"] == 0.5
    assert Targets(()).results(np.array([[1.0], [2.0]]), np.array([3.0, 4.0])) == {
        "Spearman": 1.0,
        "mean squared error": 4.0,
    }


def test_an_archive_of_something_else(tmp_path):
    with pytest.raises(UsageError, match="cannot be read as an archive"):
        read_film_reviews(write(tmp_path, "text", "vader.tar.gz"))
