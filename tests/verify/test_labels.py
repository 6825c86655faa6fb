"""Labels and outputs, without a model: what a label can mean, and which rows of a batch count."""

import numpy as np
import pytest

from bertferry.core.errors import UsageError
from bertferry.verify import ParityOptions
from bertferry.verify.labeled.classes import Classes
from bertferry.verify.labeled.labels import Labels, kind_of, read_labels
from bertferry.verify.labeled.outputs import LabeledOutputs
from bertferry.verify.probes import Probe


@pytest.mark.parametrize("given", [{"labels": "x"}, {"pairs": True}, {"profile": "task", "texts": "x"}])
def test_labels_need_texts_and_the_profile_needs_labels(given):
    with pytest.raises(UsageError, match="--texts"):
        ParityOptions(**given)


def test_names_that_are_numbers_must_not_be_guessed(tmp_path):
    path, stars = tmp_path / "labels.txt", Classes(("1", "2", "3", "4", "5"), 5)
    path.write_text("1\n4\n")
    with pytest.raises(
        UsageError, match="'1' is the name of class 0 and the number of another: write numbers as LABEL_0"
    ):
        read_labels(path, "classes", ["a", "b"], stars)
    path.write_text("5\n4\n")
    assert read_labels(path, "classes", ["a", "b"], stars).values == (4, 3)
    path.write_text("0\n4\n")
    assert read_labels(path, "classes", ["a", "b"], stars).values == (0, 4)
    path.write_text("LABEL_1\nLABEL_4\n")
    assert read_labels(path, "classes", ["a", "b"], stars).values == (1, 4)


def test_a_text_that_a_fixed_batch_repeats_counts_once_and_one_that_fails_is_a_fault(tmp_path):
    labels = Labels("classes", tmp_path, (0, 1, 1), Classes())
    logits = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], np.float32)
    outputs = LabeledOutputs(labels)
    for rows in ((2, 0), (1, 1)):
        outputs.add(Probe("", {}, texts=rows), {"logits": logits[list(rows)]}, {"logits": logits[list(rows)]})
    assert outputs.result().scores[0].reference == 2 / 3
    assert outputs.result().count == 3
    outputs = LabeledOutputs(labels)
    outputs.add(Probe("", {}, texts=(0, 1, 2)), {"logits": logits}, {"logits": logits * [[1], [np.nan], [1]]})
    assert outputs.result().reasons == ("no output to judge for 1 of 3 texts",)


def test_what_a_label_is_follows_from_the_task_and_the_files(tmp_path):
    assert kind_of("classifier", Classes((), 1), strings=False) == "scores"
    assert kind_of("classifier", Classes((), 3), strings=False) == "classes"
    assert kind_of("encoder", Classes(), strings=True) == "similarities"
    with pytest.raises(UsageError, match="problem_type is multi_label_classification has no label per text"):
        kind_of("classifier", Classes((), 3, "multi_label_classification"), strings=False)
    with pytest.raises(UsageError, match="labels are scores, but the logits have 2 columns"):
        Labels("scores", tmp_path, (1.0, 2.0)).check_columns(2)
    with pytest.raises(UsageError, match="line 2: class 3, but the logits have 3 columns"):
        Labels("classes", tmp_path, (2, 3)).check_columns(3)
    with pytest.raises(UsageError, match="logits have one column"):
        Labels("classes", tmp_path, (0, 1)).check_columns(1)


def test_numbers_that_are_too_long_are_no_labels(tmp_path):
    (tmp_path / "labels.txt").write_text("9" * 5000 + "\n")
    with pytest.raises(UsageError, match="line 1: '9999"):
        read_labels(tmp_path / "labels.txt", "classes", ["a"], Classes())


def test_logits_of_another_task_are_refused(tmp_path):
    outputs = LabeledOutputs(Labels("classes", tmp_path, (0, 1)))
    with pytest.raises(UsageError, match="logits of the reference has 3 axes, not 2: see --task"):
        outputs.add(Probe("", {}, texts=(0, 1)), {"logits": np.zeros((2, 4, 3), np.float32)}, {})
