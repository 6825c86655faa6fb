"""Finds the probes that a signature accepts, or takes those of a file."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bertferry.core.errors import DataError, UsageError, first_line
from bertferry.export.onnx.input_roles import Input
from bertferry.export.onnx.signature_probes import first_probes, more_probes, other_values
from bertferry.export.onnx.signature_runner import SignatureRunner
from bertferry.verify.probes import Probe

NOISE = 1e-2
"""Threads may sum in another order every time; what is random differs by more."""
REPEATS = 4
"""Memory that nothing wrote holds the same a second time in about one of twenty trials."""
WAY_OUT = "give inputs that it accepts with --inputs FILE.npz, or skip the comparison with --no-verify"


def find_probes(inputs: Sequence[Input], runner: SignatureRunner) -> tuple[Probe, ...]:
    """The probes on which a signature computes something.

    Where kernels do not fit into a guessed length, TensorFlow may return the greatest of no values, or memory that
    nothing wrote: a kind of probe on which all answers are the same is taken if no other is accepted.

    Raises:
      DataError: it fails on all of them, answers differently every time, or with NaN alone.
    """
    fault, chosen = "", None
    for kind, probe in first_probes(inputs):
        reason = _fault(runner, probe)
        fault = fault or reason
        if not reason and _depends(runner, probe, other_values(inputs, kind)):
            chosen = kind, probe
            break
        chosen = chosen or (None if reason else (kind, probe))
    if chosen is None:
        raise DataError(f"{runner.name}: {fault} on every probe, which are guesses; {WAY_OUT}")
    probes = _accepted(runner, chosen[1], more_probes(inputs, chosen[0]))
    _check_finite(runner, probes)
    return probes


def _depends(runner: SignatureRunner, probe: Probe, other: Probe) -> bool:
    """Whether some output of floats, if there are any, is another one with other inputs."""
    try:
        first, second = (runner.run(one.inputs) for one in (probe, other))
    except Exception:  # whatever TensorFlow raises, the other values are not valid
        return True
    floats = [name for name, value in first.items() if value.dtype.kind == "f" and value.size]
    return not floats or any(not _is_same(first[name], second[name]) for name in floats)


def _accepted(runner: SignatureRunner, first: Probe, more: Iterable[Probe]) -> tuple[Probe, ...]:
    """The first probe, and those of the others on which something new can be compared."""
    probes = [first]
    for probe in more:
        known = any(
            all(np.array_equal(one.inputs[name], value) for name, value in probe.inputs.items()) for one in probes
        )
        if not known and not _fault(runner, probe, repeat=_shapes(probe) != _shapes(first)):
            probes.append(probe)
    return tuple(probes)


def _shapes(probe: Probe) -> list[tuple[int, ...]]:
    return [value.shape for value in probe.inputs.values()]


def _fault(runner: SignatureRunner, probe: Probe, *, repeat: bool = True) -> str:
    """Why nothing can be compared on a probe, '' if it can: TensorFlow refuses it, or answers at random.

    Some of its kernels read memory that nothing wrote if a dimension in between becomes zero: with other shapes,
    it is asked several times.
    """
    try:
        first = runner.run(probe.inputs)
        others = [runner.compute(probe.inputs) for _ in range(REPEATS if repeat else 0)]
    except Exception as error:  # whatever TensorFlow raises, the probe is not valid
        return f"fails ({_reason(error)})"
    different = [name for name in first if not all(_is_same(first[name], again[name], NOISE) for again in others)]
    return f"answers differently every time ({', '.join(different)})" if different else ""


def _reason(error: Exception) -> str:
    """What is wrong with a probe: TensorFlow puts it after a line that says that something is."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(("Graph execution error", "Detected at"))]
    skipped = ("File ", "<", "return ", "self.")
    return next((line for line in telling if not line.startswith(skipped)), first_line(error))


def _check_finite(runner: SignatureRunner, probes: Sequence[Probe]) -> None:
    for name, value in runner.run(probes[0].inputs).items():
        values = [runner.run(probe.inputs)[name] for probe in probes]
        is_float = value.dtype.kind == "f" and any(one.size for one in values)
        if is_float and not any(np.isfinite(one).any() for one in values):
            raise DataError(f"{runner.name}: {name} is not finite on any probe, which are guesses; {WAY_OUT}")


def _is_same(first: np.ndarray, second: np.ndarray, noise: float = 0.0) -> bool:
    if first.shape != second.shape or first.dtype.kind not in "fc":
        return np.array_equal(first, second)
    return np.allclose(first, second, rtol=noise, atol=noise, equal_nan=True)


def read_probes(path: Path, inputs: Sequence[Input]) -> tuple[Probe, ...]:
    """The probe of a file.

    Raises:
      UsageError: the file is unreadable, or its arrays are not the inputs.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{path}: not a readable .npz file of arrays: {first_line(error)}") from error
    expected = {given.name: given for given in inputs}
    if missing := expected.keys() - arrays.keys():
        found = ", ".join(sorted(arrays)) or "none"
        raise UsageError(f"{path}: missing inputs {', '.join(sorted(missing))}: it has {found}")
    converted = {}
    for name, given in expected.items():
        with np.errstate(over="ignore", invalid="ignore"):
            values = arrays[name].astype(given.dtype.as_numpy_dtype)
        if arrays[name].dtype.kind in "iufb" and not _is_same(values.astype(arrays[name].dtype), arrays[name]):
            raise UsageError(f"{path}: {name} is {arrays[name].dtype}, which {given.dtype.name} cannot hold")
        converted[name] = values
    return (Probe("given inputs", converted),)
