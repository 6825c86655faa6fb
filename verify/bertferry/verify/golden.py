"""Stored references: an `.npz` file of inputs and a model's outputs for them.

A single batch is stored under the names of its inputs and outputs, several (as `--save-golden` writes them) under
`PROBE/NAME`.
"""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from bertferry.core.atomic import replace_file
from bertferry.core.errors import UsageError
from bertferry.core.inner_outputs import inner_spec
from bertferry.core.tasks import ENCODER_INPUTS, GRAPH_TASKS, POSITIONS_INPUT, TaskSpec
from bertferry.verify.interface import Interface, standard_names
from bertferry.verify.probes import Probe
from bertferry.verify.runner import Arrays

INPUTS = frozenset(name for task in GRAPH_TASKS.values() for name in task.input_names)
OUTPUTS = frozenset(name for task in GRAPH_TASKS.values() for name in task.output_names)

NPZ_ERRORS = (
    *(OSError, ValueError, EOFError, AttributeError, TypeError, MemoryError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What NumPy raises for files that are damaged, encrypted, or not archives of arrays."""


@dataclass(frozen=True)
class Golden:
    """A stored batch: inputs and outputs by standard name.

    `takes` are the inputs that are in the file; `names` are the standard names of its arrays by their own.
    """

    probe: Probe
    outputs: Arrays
    takes: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)


def read_golden(path: Path, task: TaskSpec, names: Mapping[str, str] = MappingProxyType({})) -> tuple[Golden, ...]:
    """Reads a reference; arrays with names that are neither known nor in `names` are ignored.

    Raises:
      UsageError: the file is unreadable, or lacks an input or all outputs.
    """
    stored = []
    for name, (arrays, own_names) in _batches(path, task, names).items():
        known = OUTPUTS | {*names.values(), *filter(inner_spec, arrays)}
        outputs = {name: array for name, array in arrays.items() if name in known - INPUTS}
        if not outputs:
            raise UsageError(
                f"{path}: missing outputs: it has {', '.join(arrays) or 'no arrays'}, expected arrays named "
                f"{', '.join(sorted(OUTPUTS))}, or others with --map"
            )
        ids = arrays.get("input_word_ids", np.zeros((0, 0), np.int32))
        # A model that is given no segments computes with segment 0.
        inputs = _inputs(path, {"input_type_ids": np.zeros(ids.shape, np.int32), **arrays})
        probe = Probe(name or "stored inputs", inputs)
        stored.append(Golden(probe, outputs, tuple(at for at in probe.inputs if at in arrays), own_names))
    return tuple(stored)


def read_inputs(
    path: Path, task: TaskSpec = GRAPH_TASKS["encoder"], names: Mapping[str, str] = MappingProxyType({})
) -> tuple[Probe, ...]:
    """The inputs stored in an `.npz`, as int32 [B, S], under standard names.

    Raises:
      UsageError: the file is unreadable, lacks an input, or has inconsistent shapes.
    """
    batches = _batches(path, task, names).items()
    return tuple(Probe(name or "given inputs", _inputs(path, arrays)) for name, (arrays, _) in batches)


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


def _batches(
    path: Path, task: TaskSpec, given: Mapping[str, str]
) -> dict[str, tuple[dict[str, np.ndarray], dict[str, str]]]:
    """The arrays of each stored batch by standard name, and these names by the file's own.

    The batches are by name, which is '' for a single batch without one.
    """
    batches: dict[str, dict[str, np.ndarray]] = {}
    for key, array in read_arrays(path).items():
        probe, _, name = key.rpartition("/")
        batches.setdefault(probe, {})[name] = array
    standard = {}
    for probe, arrays in batches.items():
        shapes = {name: array.shape for name, array in arrays.items()}
        floats = {name: shape for name, shape in shapes.items() if arrays[name].dtype.kind == "f"}
        own = Interface({name: shapes[name] for name in shapes if name not in floats}, floats)
        names = standard_names(str(path), own, task, given)
        standard[probe] = {names[name]: array for name, array in arrays.items()}, names
    named = {probe: batch for probe, batch in standard.items() if probe and ENCODER_INPUTS[0] in batch[0]}
    return named or {"": standard.get("", ({}, {}))}


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

    def __init__(self, path: Path, stored: Sequence[Golden], *, shares_mask: bool = False) -> None:
        self.name, self.shares_mask = str(path), shares_mask
        self._stored = stored

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The stored outputs."""
        for golden in self._stored:
            stored_inputs = golden.probe.inputs
            if all(name in inputs and np.array_equal(inputs[name], stored_inputs[name]) for name in stored_inputs):
                return dict(golden.outputs)
        raise ValueError("a stored reference only has outputs for its own inputs")
