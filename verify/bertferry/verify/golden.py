"""Stored references: an `.npz` file of inputs and a model's outputs for them.

A single batch is stored under the names of its inputs and outputs, several (as `--save-golden` writes them) under
`PROBE/NAME`.
"""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bertferry.core.atomic import replace_file
from bertferry.core.errors import UsageError
from bertferry.core.tasks import ENCODER_INPUTS, POSITIONS_INPUT, TASKS
from bertferry.verify.probes import Probe
from bertferry.verify.runner import Arrays

KNOWN_OUTPUTS = frozenset(name for task in TASKS.values() for name in task.output_names)

NPZ_ERRORS = (
    *(OSError, ValueError, EOFError, AttributeError, TypeError, MemoryError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What NumPy raises for files that are damaged, encrypted, or not archives of arrays."""


@dataclass(frozen=True)
class Golden:
    """A stored batch: inputs, and outputs by name."""

    probe: Probe
    outputs: Arrays


def read_golden(path: Path) -> tuple[Golden, ...]:
    """Reads a reference; arrays with unknown names are ignored.

    Raises:
      UsageError: the file is unreadable, or lacks an input or all outputs.
    """
    stored = []
    for name, arrays in _batches(path).items():
        outputs = {name: array for name, array in arrays.items() if name in KNOWN_OUTPUTS}
        if not outputs:
            raise UsageError(f"{path}: missing outputs: expected arrays named {', '.join(sorted(KNOWN_OUTPUTS))}")
        stored.append(Golden(Probe(name or "stored inputs", _inputs(path, arrays)), outputs))
    return tuple(stored)


def read_inputs(path: Path) -> tuple[Probe, ...]:
    """The inputs stored in an `.npz`, as int32 [B, S].

    Raises:
      UsageError: the file is unreadable, lacks an input, or has inconsistent shapes.
    """
    return tuple(Probe(name or "given inputs", _inputs(path, arrays)) for name, arrays in _batches(path).items())


def write_golden(path: Path, probes: Sequence[Probe], outputs: Sequence[Arrays]) -> None:
    """Writes inputs and outputs atomically.

    Raises:
      UsageError: the file cannot be written.
    """
    arrays = {
        f"{probe.name}/{name}": array
        for probe, probe_outputs in zip(probes, outputs, strict=True)
        for name, array in {**probe.inputs, **probe_outputs}.items()
    }
    with replace_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # NumPy's annotation


def _batches(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """The arrays of each stored batch by its name, which is '' for a single batch without one."""
    batches: dict[str, dict[str, np.ndarray]] = {}
    for key, array in read_arrays(path).items():
        probe, _, name = key.rpartition("/")
        batches.setdefault(probe, {})[name] = array
    named = {probe: arrays for probe, arrays in batches.items() if probe and ENCODER_INPUTS[0] in arrays}
    return named or {"": batches.get("", {})}


def _inputs(path: Path, arrays: Arrays) -> dict[str, np.ndarray]:
    missing = [name for name in ENCODER_INPUTS if name not in arrays]
    if missing:
        raise UsageError(f"{path}: missing {', '.join(missing)}: expected integer arrays [batch, sequence]")
    names = [*ENCODER_INPUTS, *([POSITIONS_INPUT] if POSITIONS_INPUT in arrays else [])]
    shape = arrays[ENCODER_INPUTS[0]].shape
    for name in names:
        array = arrays[name]
        if array.ndim != 2 or array.dtype.kind not in "iu" or not array.size:
            raise UsageError(
                f"{path}: {name} is {array.dtype} {list(array.shape)}: expected integers [batch, sequence]"
            )
        if name in ENCODER_INPUTS and array.shape != shape:
            raise UsageError(f"{path}: {name} has shape {list(array.shape)}, {ENCODER_INPUTS[0]} {list(shape)}")
        if not np.array_equal(array.astype(np.int32), array):
            raise UsageError(f"{path}: {name} has values that do not fit into int32")
    return {name: arrays[name].astype(np.int32) for name in names}


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads every array of an `.npz` file; pickled ones are refused because they run code."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such file") from error
    except NPZ_ERRORS as error:
        raise UsageError(f"{path}: not a readable .npz file: {error}") from error


class GoldenRunner:
    """Returns the stored outputs for the stored inputs, and accepts no others."""

    shares_mask = False

    def __init__(self, path: Path, stored: Sequence[Golden]) -> None:
        self.name = str(path)
        self._stored = stored

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The stored outputs."""
        for golden in self._stored:
            stored_inputs = golden.probe.inputs
            if all(name in inputs and np.array_equal(inputs[name], stored_inputs[name]) for name in stored_inputs):
                return dict(golden.outputs)
        raise ValueError("a stored reference only has outputs for its own inputs")
