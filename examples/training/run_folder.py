"""The folder of a run: its checkpoints, its best weights, its logs, and what it was begun with.

    run.json      what the run was begun with
    step-0000200  the newest checkpoint: model, optimizer, and the state of the run
    best-0000100  the weights with the best score so far
    logs          for TensorBoard

A folder takes its name only when it is complete, and the older ones go after that: whenever a run is killed, it
has a whole checkpoint.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.core.atomic import clear_leftovers, new_directory, replace_file
from bertferry.core.errors import DataError, UsageError, first_line
from bertferry.core.siblings import TEMPORARY

WEIGHTS = "weights"
STATE = "state.json"
RUN = "run.json"


@dataclass
class State:
    """How far a run is.

    Attributes:
      step: steps that are done.
      losses: the sum of the losses of this epoch's steps so far.
      history: by epoch, its number, mean loss, last rate, and the results of the evaluation.
      best_step: the step after which the score was best; None: there was no evaluation yet.
      best_score: that score.
      waiting: epochs since then.
      finished: whether the last epoch, or the last one that patience allows, is done.
    """

    step: int = 0
    losses: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    best_step: int | None = None
    best_score: float = float("-inf")
    waiting: int = 0
    finished: bool = False


class RunFolder:
    """A new folder of a run, or that of one that was interrupted.

    Args:
      path: of the folder.
      origin: what the run was begun with, such as its options and digests of its data, by name.

    Raises:
      UsageError: the folder is that of another run, or of something else.
    """

    def __init__(self, path: Path, origin: Mapping[str, Any]) -> None:
        self.path, self.logs = path, path / "logs"
        stored = path / RUN
        if not path.is_dir() or all(TEMPORARY.match(entry.name) for entry in path.iterdir()):
            path.mkdir(parents=True, exist_ok=True)
            with replace_file(stored) as temporary:
                temporary.write_text(json.dumps(origin, indent=1) + "\n", encoding="utf-8")
            return
        try:
            begun = json.loads(stored.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{path}: is not empty and holds no run that could go on: name another folder"
            ) from error
        wanted = json.loads(json.dumps(origin))  # as it is read back
        if changed := next((name for name in {**wanted, **begun} if wanted.get(name) != begun.get(name)), None):
            raise UsageError(
                f"{path}: this run was begun with {changed} {_shown(begun.get(changed))}, not "
                f"{_shown(wanted.get(changed))}: go on with the same, or remove the folder to begin again"
            )
        for entry in path.iterdir():
            if left := TEMPORARY.match(entry.name):
                clear_leftovers(path / left[1])

    def resume(self, checkpoint: tf.train.Checkpoint) -> State:
        """Restores model and optimizer from the newest checkpoint; the state of a new run if there is none.

        Raises:
          DataError: the checkpoint is damaged.
        """
        folder = max(self.path.glob("step-*"), default=None)
        if folder is None:
            return State()
        try:
            state = State(**json.loads((folder / STATE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"{folder / STATE}: damaged: remove {self.path} to begin again") from error
        _read(checkpoint, folder, self.path)
        self._remove_others("best-*", state.best_step)
        return state

    def save(self, checkpoint: tf.train.Checkpoint, state: State) -> None:
        """Writes a checkpoint, then removes the one before it and best weights that are no longer the best."""
        with new_directory(self.path / f"step-{state.step:07}", overwrite=True) as staging:
            checkpoint.write(str(staging / WEIGHTS))
            (staging / STATE).write_text(json.dumps(asdict(state)) + "\n", encoding="utf-8")
        self._remove_others("step-*", state.step)
        self._remove_others("best-*", state.best_step)

    def save_best(self, model: tf_keras.Model, step: int) -> None:
        """Writes the weights after a step as the best ones; they count from the next checkpoint on."""
        with new_directory(self.path / f"best-{step:07}", overwrite=True) as staging:
            tf.train.Checkpoint(model=model).write(str(staging / WEIGHTS))

    def restore_best(self, model: tf_keras.Model, state: State) -> None:
        """Gives the model its best weights.

        Raises:
          DataError: they are damaged.
        """
        _read(tf.train.Checkpoint(model=model), self.path / f"best-{state.best_step:07}", self.path)

    def finish(self, logs: Path) -> None:
        """Moves the logs to where they stay, and removes the rest."""
        shutil.rmtree(logs, ignore_errors=True)
        self.logs.replace(logs)
        shutil.rmtree(self.path)

    def _remove_others(self, names: str, step: int | None) -> None:
        for folder in self.path.glob(names):
            if step is None or folder.name != f"{names[:-1]}{step:07}":
                shutil.rmtree(folder)


def _read(checkpoint: tf.train.Checkpoint, folder: Path, run: Path) -> None:
    try:
        status = checkpoint.read(str(folder / WEIGHTS))
        status.assert_existing_objects_matched()
    except (tf.errors.OpError, AssertionError, ValueError) as error:
        raise DataError(f"{folder}: damaged: {first_line(error)}: remove {run} to begin again") from error


def _shown(value: object) -> str:
    return "nothing of that name" if value is None else str(value)
