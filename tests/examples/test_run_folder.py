"""The folder of a run: what it refuses, what it keeps, what it leaves when a run is over."""

import json
import os
from pathlib import Path

import pytest
import tensorflow as tf
from training.run_folder import RunFolder, State

from bertferry.core.errors import DataError, UsageError
from bertferry.core.siblings import sibling

ORIGIN = {"--epochs": 3, "the texts to train on": "abc"}


class Model(tf.Module):
    def __init__(self, value=0.0):
        super().__init__()
        self.weight = tf.Variable(value)


def checkpoint(model):
    return tf.train.Checkpoint(model=model)


@pytest.fixture
def folder(tmp_path):
    """A folder with a checkpoint of step 7, and best weights of step 5."""
    folder, model = RunFolder(tmp_path / "run", ORIGIN), Model(5.0)
    folder.save_best(model, 5)
    model.weight.assign(7.0)
    folder.save(
        checkpoint(model), State(step=7, losses=1.5, best_step=5, best_score=0.25, history=[{"loss": 0.1}])
    )
    return folder


def test_a_run_goes_on_from_its_newest_checkpoint(folder):
    model = Model()
    state = RunFolder(folder.path, ORIGIN).resume(checkpoint(model))
    assert (state.step, state.losses, state.best_step, float(model.weight)) == (7, 1.5, 5, 7.0)
    folder.restore_best(model, state)
    assert float(model.weight) == 5.0


def test_older_checkpoints_are_removed(folder):
    model = Model(9.0)
    folder.save_best(model, 9)
    folder.save(checkpoint(model), State(step=9, best_step=9))
    assert sorted(os.listdir(folder.path)) == ["best-0000009", "run.json", "step-0000009"]


def abandoned(target):
    """The name of a temporary sibling whose process does not run any more."""
    mine = sibling(target, "tmp")
    return mine.with_name(f"{mine.name.rpartition('-')[0]}-{2**22 + 1}")


def test_what_a_killed_run_left_behind_is_removed(folder):
    left = abandoned(folder.path / "step-0000008")
    left.mkdir()
    RunFolder(folder.path, ORIGIN)
    assert not left.exists()


def test_a_run_killed_before_it_began_begins(tmp_path):
    (tmp_path / "run").mkdir()
    abandoned(tmp_path / "run" / "run.json").write_text("{")
    assert RunFolder(tmp_path / "run", ORIGIN).resume(checkpoint(Model())).step == 0


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ({**ORIGIN, "--epochs": 5}, "begun with --epochs 3, not 5: go on with the same, or remove the folder"),
        ({**ORIGIN, "the texts to train on": "abd"}, "begun with the texts to train on abc, not abd"),
        ({"--epochs": 3}, "begun with the texts to train on abc, not nothing of that name"),
        ({**ORIGIN, "--no-module-dropout": True}, "begun with --no-module-dropout nothing of that name, not True"),
    ],
)
def test_another_run_is_refused(folder, origin, line):
    with pytest.raises(UsageError, match=line):
        RunFolder(folder.path, origin)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is not empty and holds no run"):
        RunFolder(tmp_path, ORIGIN)


def cut(path: Path):
    path.write_bytes(path.read_bytes()[:-3])


def flip(path: Path):
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("state.json", cut),
        ("state.json", Path.unlink),
        ("weights.index", cut),
        ("weights.index", Path.unlink),
        ("weights.data-00000-of-00001", flip),
        ("weights.data-00000-of-00001", Path.unlink),
    ],
)
def test_a_damaged_checkpoint_is_named(folder, name, damage):
    damage(folder.path / "step-0000007" / name)
    with pytest.raises(DataError, match=r"step-0000007.*: damaged.*remove .*run to begin again") as caught:
        folder.resume(checkpoint(Model()))
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_model_is_named(folder):
    class Larger(Model):
        def __init__(self):
            super().__init__()
            self.further = tf.Variable(1.0)

    with pytest.raises(DataError, match="step-0000007: damaged"):
        folder.resume(checkpoint(Larger()))


def test_missing_best_weights_are_named(folder):
    flip(folder.path / "best-0000005" / "weights.data-00000-of-00001")
    with pytest.raises(DataError, match="best-0000005: damaged"):
        folder.restore_best(Model(), State(best_step=5))


def test_the_end_leaves_the_logs(folder, tmp_path):
    folder.logs.mkdir()
    (folder.logs / "events").write_text("")
    folder.finish(tmp_path / "logs")
    assert os.listdir(tmp_path / "logs") == ["events"]
    assert not folder.path.exists()


def test_what_a_run_began_with_is_written(folder):
    assert json.loads((folder.path / "run.json").read_text()) == ORIGIN
