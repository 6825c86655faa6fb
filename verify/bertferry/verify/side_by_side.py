"""compare_artifacts: runs a reference and its candidates on the same inputs, one after the other."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bertferry.convert.difference import compare_checkpoints
from bertferry.core.errors import DataError, UsageError, first_line
from bertferry.core.tasks import POSITIONS_INPUT, TASKS
from bertferry.verify.artifact import Artifact
from bertferry.verify.comparison import compare
from bertferry.verify.environment import environment
from bertferry.verify.golden import write_golden
from bertferry.verify.localization import Drift, localize
from bertferry.verify.metrics import TaskMetrics
from bertferry.verify.probes import Probe, chosen_probes, coverage, standard_probes
from bertferry.verify.report import CandidateResult, ProbeResult, Report
from bertferry.verify.runner import Inspectable, Runner
from bertferry.verify.texts import vocabulary_fault
from bertferry.verify.tolerance import PROFILES, Tolerance

DEFAULT_PROFILE = "fp32"
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many steps are done, and of how many."""


@dataclass(frozen=True)
class Judgement:
    """What is compared, and what counts as equal.

    `overrides` are tolerances of single outputs; `localize` also compares the values inside; `save_golden` is
    where the inputs and the reference's outputs are stored.
    """

    tolerance: Tolerance = PROFILES[DEFAULT_PROFILE]
    overrides: Mapping[str, Tolerance] | None = None
    task: str = "encoder"
    positions: str = "all"
    judge_padding: str = "auto"
    seed: int = 0
    localize: bool = False
    save_golden: Path | None = None


def compare_artifacts(
    reference: Artifact,
    candidates: Sequence[Artifact],
    judgement: Judgement,
    *,
    probes: Sequence[str] = (),
    inputs: Sequence[Probe] = (),
    progress: Progress | None = None,
) -> Report:
    """Compares opened-on-demand artifacts; one of them is in memory at a time.

    Args:
      reference, candidates: the artifacts.
      judgement: what counts as equal.
      probes: names of those to run, by default all.
      inputs: in place of the standard or stored probes.
      progress: called as the work goes on.
    """
    if not candidates:
        raise UsageError("nothing to compare: name at least one candidate")
    everyone = (reference, *candidates)
    run, covered = _probes(everyone, judgement, inputs, probes)
    steps = len(run) * len(everyone)

    def tell_from(first: int) -> Callable[[str, int], None]:
        return lambda what, done: progress(what, first + done, steps) if progress else None

    sound = _run_reference(reference, run, judgement, tell_from(0))
    results = [
        _run_candidate(candidate, reference, sound, judgement, tell_from(turn * len(run)))
        for turn, candidate in enumerate(candidates, start=1)
    ]
    return Report(
        reference=reference.name,
        candidates=tuple(results),
        tolerance=judgement.tolerance,
        task=judgement.task,
        positions=judgement.positions,
        judge_padding=judgement.judge_padding,
        seed=judgement.seed,
        coverage=covered,
        overrides=judgement.overrides or {},
        runs_on=reference.execution.words(),
        configuration=next((side.configuration for side in everyone if side.configuration), {}),
        environment=environment(),
    )


@dataclass(frozen=True)
class _Sound:
    """What the reference computes on every probe: its outputs, and the values inside if they are compared."""

    probes: Sequence[Probe]
    outputs: Sequence[dict[str, np.ndarray]]
    inside: Sequence[dict[str, np.ndarray]]
    shares_mask: bool


def _run_reference(
    reference: Artifact, probes: Sequence[Probe], judgement: Judgement, tell: Callable[[str, int], None]
) -> _Sound:
    runner = reference.open()
    outputs, inside = [], []
    for number, probe in enumerate(probes):
        tell(f"reference on '{probe.name}'", number)
        outputs.append(_reference_outputs(runner, probe, reference.name))
        inside.append(_points(runner, probe) if judgement.localize else {})
    if judgement.save_golden is not None:
        write_golden(judgement.save_golden, probes, outputs)
    return _Sound(probes, outputs, inside, runner.shares_mask)


def _run_candidate(
    candidate: Artifact, reference: Artifact, sound: _Sound, judgement: Judgement, tell: Callable[[str, int], None]
) -> CandidateResult:
    runner = candidate.open()
    padding = judgement.judge_padding
    judged = padding == "always" or (padding == "auto" and sound.shares_mask and runner.shares_mask)
    outcomes, metrics = [], TaskMetrics(judgement.tolerance)
    for number, (probe, want) in enumerate(zip(sound.probes, sound.outputs, strict=True)):
        tell(f"candidate on '{probe.name}'", number)
        outcomes.append(_outcome(runner, probe, want, judgement, judged, metrics))
    drift = (
        _drift(runner, sound.probes, sound.inside, outcomes, judgement.tolerance) if judgement.localize else None
    )
    fault = vocabulary_fault(reference, candidate)
    return CandidateResult(
        candidate.name,
        tuple(outcomes),
        candidate.execution.words(),
        metrics.result(),
        (fault,) if fault else (),
        drift,
        _tensors(reference, candidate),
    )


def loosest(sides: Sequence[Artifact]) -> str:
    """The profile of the side that can be expected to agree least closely."""
    order = list(PROFILES)
    return max((side.profile for side in sides), key=order.index)


def _probes(
    artifacts: Sequence[Artifact], judgement: Judgement, inputs: Sequence[Probe], names: Sequence[str]
) -> tuple[tuple[Probe, ...], float | None]:
    """The given or stored inputs where there are some, else the standard probes; and the words they use."""
    limits = next((side.limits for side in artifacts if side.limits), None)
    stored = inputs or next((side.probes for side in artifacts if side.probes), ())
    if stored:
        probes = tuple(stored)
    elif limits is None:
        raise UsageError("no artifact says what inputs are valid: give some with --inputs FILE.npz")
    else:
        with_positions = POSITIONS_INPUT in TASKS[judgement.task].input_names
        probes = standard_probes(limits, judgement.seed, with_positions=with_positions)
    probes = chosen_probes(probes, names)
    _check_limits(artifacts, probes)
    return probes, coverage(probes, limits) if limits else None


def _check_limits(artifacts: Sequence[Artifact], probes: Sequence[Probe]) -> None:
    """Refuses sides of different vocabularies, and inputs that a side could not take."""
    known = [side for side in artifacts if side.limits]
    for side in known[1:]:
        if side.limits != known[0].limits:
            raise DataError(f"{side.name} is another model than {known[0].name}: {side.limits}, {known[0].limits}")
    if not known or known[0].limits is None:
        return
    limits = known[0].limits
    for probe in probes:
        ids, segments = probe.inputs["input_word_ids"], probe.inputs["input_type_ids"]
        tops = (("word id", ids.max(), limits.vocab_size), ("segment", segments.max(), limits.type_vocab_size))
        for what, top, size in (*tops, ("length", ids.shape[1] - 1, limits.max_positions)):
            if top >= size:
                raise DataError(f"{probe.name}: {what} {top + (what == 'length')} is beyond the model's {size}")


def _reference_outputs(runner: Runner, probe: Probe, name: str) -> dict[str, np.ndarray]:
    try:
        return runner.run(probe.inputs)
    except Exception as error:  # whatever a framework raises, the reference is not usable
        raise DataError(f"{name} fails on probe '{probe.name}': {first_line(error)}") from error


def _outcome(
    runner: Runner,
    probe: Probe,
    want: dict[str, np.ndarray],
    judgement: Judgement,
    judge_padding: bool,
    metrics: TaskMetrics,
) -> ProbeResult:
    mask = probe.inputs.get("input_mask")
    padded = mask is not None and not mask.all()
    try:
        got = runner.run(probe.inputs)
    except Exception as error:  # a candidate that opens but fails on a valid input disagrees
        fault = f"fails with {type(error).__name__}: {first_line(error)}"
        return ProbeResult(probe.name, error=fault, padded=padded)
    diffs = compare(
        want,
        got,
        judgement.tolerance,
        overrides=judgement.overrides or {},
        mask=mask,
        positions=judgement.positions,
        judge_padding=judge_padding,
    )
    if mask is not None:
        metrics.add(want, got, mask)
    return ProbeResult(probe.name, diffs, padded=padded)


def _points(runner: Runner, probe: Probe) -> dict[str, np.ndarray]:
    return runner.points(probe.inputs) if isinstance(runner, Inspectable) else {}


def _drift(
    runner: Runner,
    probes: Sequence[Probe],
    inside: Sequence[dict[str, np.ndarray]],
    outcomes: Sequence[ProbeResult],
    tolerance: Tolerance,
) -> Drift:
    """On the first probe that disagrees, else on the first."""
    place = next((place for place, outcome in enumerate(outcomes) if not outcome.ok), 0)
    probe = probes[place]

    def candidate(given: Mapping[str, np.ndarray] | None) -> dict[str, np.ndarray]:
        return runner.points(probe.inputs, given) if isinstance(runner, Inspectable) else {}

    try:
        return localize(probe.name, inside[place], candidate, tolerance)
    except Exception as error:  # what a framework raises on a probe on which the candidate fails anyway
        return Drift(probe.name, (), "", f"the candidate fails: {first_line(error)}")


def _tensors(reference: Artifact, candidate: Artifact) -> tuple[str, ...]:
    """How the parameters of two checkpoints differ."""
    if reference.checkpoint is None or candidate.checkpoint is None:
        return ()
    with suppress(DataError):  # damaged bytes have been reported by then
        different = compare_checkpoints(reference.checkpoint, candidate.checkpoint).parameters
        return tuple(f"{row.parameter}: {row.what}" for row in different)
    return ()
