"""Stored references: an `.npz` of inputs and the outputs that somebody's model gave for them."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bertferry.modeling.errors import UsageError
from bertferry.verify.signature import ENCODER_INPUTS, POSITIONS_INPUT, TASK_OUTPUTS

OUTPUTS = frozenset(name for outputs in TASK_OUTPUTS.values() for name in outputs)


@dataclass(frozen=True)
class Golden:
    """Inputs and outputs by name."""

    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]


def read_golden(path: Path) -> Golden:
    """Reads a reference; arrays under other names than a model's are ignored.

    Raises:
      UsageError: unreadable, or without an input or any output.
    """
    arrays = read_arrays(path)
    outputs = {name: array for name, array in arrays.items() if name in OUTPUTS}
    if not outputs:
        raise UsageError(f"{path}: no outputs in it: arrays named {', '.join(sorted(OUTPUTS))} are expected")
    return Golden(read_inputs(path), outputs)


def read_inputs(path: Path) -> dict[str, np.ndarray]:
    """The inputs stored in an `.npz`, as int32 [B, S].

    Raises:
      UsageError: unreadable, an input missing, or shapes that do not go together.
    """
    arrays = read_arrays(path)
    missing = [name for name in ENCODER_INPUTS if name not in arrays]
    if missing:
        raise UsageError(f"{path}: no {', '.join(missing)} in it: integer arrays [batch, sequence] are expected")
    names = [*ENCODER_INPUTS, *([POSITIONS_INPUT] if POSITIONS_INPUT in arrays else [])]
    shape = arrays[ENCODER_INPUTS[0]].shape
    for name in names:
        array = arrays[name]
        if array.ndim != 2 or array.dtype.kind not in "iu" or not array.size:
            raise UsageError(
                f"{path}: {name} is {array.dtype} {list(array.shape)}: integers [batch, sequence] expected"
            )
        if name in ENCODER_INPUTS and array.shape != shape:
            raise UsageError(f"{path}: {name} has shape {list(array.shape)}, {ENCODER_INPUTS[0]} {list(shape)}")
    return {name: arrays[name].astype(np.int32) for name in names}


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of an `.npz`; pickled ones are refused, since they run code."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such file") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise UsageError(f"{path}: not a readable .npz file: {error}") from error


class GoldenRunner:
    """Answers the stored inputs, and only them, with the stored outputs."""

    shares_mask = False

    def __init__(self, path: Path, stored: Golden) -> None:
        self.name = str(path)
        self._stored = stored

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The stored outputs."""
        if any(not np.array_equal(inputs[name], stored) for name, stored in self._stored.inputs.items()):
            raise ValueError("a stored reference has outputs for its own inputs only")
        return dict(self._stored.outputs)
