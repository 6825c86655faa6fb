"""compare_artifacts: runs a reference and its candidates on the same inputs, one after another."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import numpy as np

from bertferry.convert.difference import compare_checkpoints
from bertferry.core.errors import DataError, UsageError, first_line
from bertferry.core.progress import ProgressCallback
from bertferry.verify.artifact import Artifact
from bertferry.verify.comparison import compare
from bertferry.verify.environment import environment
from bertferry.verify.golden import write_golden
from bertferry.verify.inputs import find_limits, select_inputs
from bertferry.verify.labeled.labels import Labels
from bertferry.verify.labeled.outputs import LabeledOutputs
from bertferry.verify.localization import Drift, localize
from bertferry.verify.matching import expected_outputs
from bertferry.verify.metrics import TaskMetrics
from bertferry.verify.probes import Probe, coverage
from bertferry.verify.report import CandidateResult, ProbeResult, Report
from bertferry.verify.runner import Inspectable, Runner
from bertferry.verify.string_comparison import explanation
from bertferry.verify.texts import vocabulary_fault
from bertferry.verify.tolerance import PROFILES, Tolerance, loosest

DEFAULT_PROFILE = "fp32"


@dataclass(frozen=True)
class Judgment:
    """What is compared, and what counts as equal.

    `overrides` are tolerances of single outputs; `localize` also compares intermediate values; `save_golden` is
    the file to which the inputs and the reference's outputs are saved; `any_values` is for outputs of which
    nothing is known: see `compare`; `outputs` is `all`, or `common` for those that both sides have; `labels` are
    those of the inputs, which are texts.
    """

    tolerance: Tolerance = PROFILES[DEFAULT_PROFILE]
    overrides: Mapping[str, Tolerance] | None = None
    task: str = "encoder"
    positions: str = "all"
    judge_padding: str = "auto"
    seed: int = 0
    localize: bool = False
    save_golden: Path | None = None
    any_values: bool = False
    outputs: str = "all"
    labels: Labels | None = None


def compare_artifacts(
    reference: Artifact,
    candidates: Sequence[Artifact],
    judgment: Judgment,
    *,
    probes: Sequence[str] = (),
    inputs: Sequence[Probe] = (),
    progress: ProgressCallback | None = None,
) -> Report:
    """Compares artifacts, which are opened on demand; only one is in memory at a time.

    Args:
      reference, candidates: the artifacts.
      judgment: what counts as equal.
      probes: names of the probes to run, by default all.
      inputs: replace the standard or stored probes.
      progress: called as the work goes on.

    Raises:
      UsageError: no candidates, an unknown probe, no artifact that states which inputs are valid, or a file that
        cannot be written.
      DataError: artifacts of different sizes, invalid inputs, or a reference that fails.
    """
    if not candidates:
        raise UsageError("nothing to compare: give at least one candidate")
    artifacts = (reference, *candidates)
    probes_run = select_inputs(artifacts, judgment.task, judgment.seed, inputs, probes)
    limits = find_limits(artifacts)
    starts = [0, *accumulate(len(_names_run(side, probes_run)) for side in artifacts)]

    def tell_from(first: int) -> Callable[[str, int], None]:
        return lambda what, done: progress(what, first + done, starts[-1]) if progress else None

    reference_run = _run_reference(reference, probes_run, judgment, tell_from(0))
    results = [
        _run_candidate(candidate, reference, reference_run, judgment, tell_from(start))
        for candidate, start in zip(candidates, starts[1:], strict=False)
    ]
    return Report(
        reference=reference.name,
        candidates=tuple(results),
        tolerance=judgment.tolerance,
        task=judgment.task,
        positions=judgment.positions,
        judge_padding=judgment.judge_padding,
        seed=judgment.seed,
        coverage=coverage(probes_run, limits) if limits else None,
        overrides=judgment.overrides or {},
        runs_on=reference.execution.describe(),
        configuration=next((side.configuration for side in artifacts if side.configuration), {}),
        environment=environment(),
    )


def _names_run(artifact: Artifact, probes: Sequence[Probe]) -> list[str]:
    """The names of the probes that an artifact runs: all, if it would run none of them."""
    names = [probe.name for probe in probes]
    return [name for name in names if name in artifact.only] or names


@dataclass(frozen=True)
class _ReferenceRun:
    """The reference's outputs on every probe, and its intermediate values if they are compared."""

    probes: Sequence[Probe]
    outputs: Sequence[dict[str, np.ndarray]]
    points: Sequence[dict[str, np.ndarray]]
    shares_mask: bool

    def select(self, names: Sequence[str]) -> "_ReferenceRun":
        """The probes with these names."""
        kept = [index for index, probe in enumerate(self.probes) if probe.name in names]
        return replace(
            self,
            probes=[self.probes[index] for index in kept],
            outputs=[self.outputs[index] for index in kept],
            points=[self.points[index] for index in kept],
        )


def _run_reference(
    reference: Artifact, probes: Sequence[Probe], judgment: Judgment, tell: Callable[[str, int], None]
) -> _ReferenceRun:
    runner = reference.open()
    outputs, points = [], []
    for number, probe in enumerate(probes):
        tell(f"reference on '{probe.name}'", number)
        outputs.append(_reference_outputs(runner, probe, reference.name))
        points.append(_points(runner, probe) if judgment.localize else {})
    if judgment.save_golden is not None:
        write_golden(judgment.save_golden, probes, outputs)
    return _ReferenceRun(probes, outputs, points, runner.shares_mask)


def _run_candidate(
    candidate: Artifact,
    reference: Artifact,
    reference_run: _ReferenceRun,
    judgment: Judgment,
    tell: Callable[[str, int], None],
) -> CandidateResult:
    reference_run = reference_run.select(_names_run(candidate, reference_run.probes))
    runner = candidate.open()
    padding = judgment.judge_padding
    judged = padding == "always" or (padding == "auto" and reference_run.shares_mask and runner.shares_mask)
    outcomes, metrics = [], TaskMetrics(judgment.tolerance)
    labeled = None if judgment.labels is None else LabeledOutputs(judgment.labels)
    for number, (probe, want) in enumerate(zip(reference_run.probes, reference_run.outputs, strict=True)):
        tell(f"candidate on '{probe.name}'", number)
        want = {name: want[name] for name in expected_outputs(reference, candidate, want)}
        outcomes.append(_run_probe(runner, probe, want, judgment, judged, metrics, labeled))
    drift = (
        _drift(runner, reference_run.probes, reference_run.points, outcomes, judgment.tolerance)
        if judgment.localize
        else None
    )
    faults = [vocabulary_fault(reference, candidate)]
    if not all(outcome.ok for outcome in outcomes):
        faults.append(
            explanation(reference, runner, reference_run.probes, reference_run.outputs, judgment.tolerance)
        )
    return CandidateResult(
        candidate.name,
        tuple(outcomes),
        candidate.execution.describe(),
        metrics.result(),
        tuple(filter(None, faults)),
        drift,
        _tensor_differences(reference, candidate),
        None if labeled is None else labeled.result().judged_by(judgment.tolerance),
    )


def loosest_profile(sides: Sequence[Artifact]) -> str:
    """The loosest of the artifacts' profiles."""
    return loosest(side.profile for side in sides)


def _reference_outputs(runner: Runner, probe: Probe, name: str) -> dict[str, np.ndarray]:
    try:
        return runner.run(probe.inputs)
    except Exception as error:  # whatever the framework raises, the reference is unusable
        raise DataError(f"{name} fails on probe '{probe.name}': {first_line(error)}") from error


def _run_probe(
    runner: Runner,
    probe: Probe,
    want: dict[str, np.ndarray],
    judgment: Judgment,
    judge_padding: bool,
    metrics: TaskMetrics,
    labeled: LabeledOutputs | None,
) -> ProbeResult:
    mask = _mask_of(probe)
    padded = mask is not None and not mask.all()
    try:
        got = runner.run(probe.inputs)
    except Exception as error:  # a candidate that opens but fails on a valid input counts as a disagreement
        fault = f"fails with {type(error).__name__}: {first_line(error)}"
        if labeled is not None:
            labeled.add(probe, want, {})
        return ProbeResult(probe.name, error=fault, padded=padded)
    if labeled is not None:
        labeled.add(probe, want, got)
    if judgment.outputs == "common":
        want = {name: value for name, value in want.items() if name in got}
        got = {name: value for name, value in got.items() if name in want}
    diffs = compare(
        want,
        got,
        replace(judgment.tolerance, atol=judgment.tolerance.atol * probe.scale),
        overrides=judgment.overrides or {},
        mask=mask,
        positions=judgment.positions,
        judge_padding=judge_padding,
        any_values=judgment.any_values,
    )
    if mask is not None:
        metrics.add(want, got, mask)
    return ProbeResult(probe.name, diffs, padded=padded)


def _mask_of(probe: Probe) -> np.ndarray | None:
    """The mask of a BERT's inputs; others may take something else under this name."""
    mask = probe.inputs.get("input_mask")
    return mask if mask is not None and mask.ndim == 2 and np.isin(mask, (0, 1)).all() else None


def _points(runner: Runner, probe: Probe) -> dict[str, np.ndarray]:
    return runner.points(probe.inputs) if isinstance(runner, Inspectable) else {}


def _drift(
    runner: Runner,
    probes: Sequence[Probe],
    reference_points: Sequence[dict[str, np.ndarray]],
    outcomes: Sequence[ProbeResult],
    tolerance: Tolerance,
) -> Drift:
    """The drift on the first probe that disagrees, else on the first."""
    index = next((index for index, outcome in enumerate(outcomes) if not outcome.ok), 0)
    probe = probes[index]

    def candidate_points(given: Mapping[str, np.ndarray] | None) -> dict[str, np.ndarray]:
        return runner.points(probe.inputs, given) if isinstance(runner, Inspectable) else {}

    try:
        return localize(probe.name, reference_points[index], candidate_points, tolerance)
    except Exception as error:  # the candidate fails on this probe anyway
        return Drift(probe.name, (), "", f"the candidate fails: {first_line(error)}")


def _tensor_differences(reference: Artifact, candidate: Artifact) -> tuple[str, ...]:
    """How the parameters of two checkpoints differ."""
    if reference.checkpoint is None or candidate.checkpoint is None:
        return ()
    with suppress(DataError):  # damaged bytes have been reported already
        different = compare_checkpoints(reference.checkpoint, candidate.checkpoint).parameters
        return tuple(f"{row.parameter}: {row.what}" for row in different)
    return ()
