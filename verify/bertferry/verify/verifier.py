"""verify_parity: do these artefacts compute the same function?"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from bertferry.modeling.errors import DataError, UsageError, first_line
from bertferry.verify.artefact import Artefact, artefact
from bertferry.verify.comparison import Positions, compare
from bertferry.verify.golden import read_inputs
from bertferry.verify.probes import Probe, coverage, standard_probes
from bertferry.verify.report import CandidateResult, ProbeResult, Report
from bertferry.verify.runner import Runner
from bertferry.verify.signature import TASK_OUTPUTS
from bertferry.verify.tolerance import PROFILES, Tolerance

JudgePadding = Literal["auto", "always", "never"]
DEFAULT_PROFILE = "fp32"
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many steps are done, and of how many."""


def verify_parity(
    reference: str | Path,
    candidates: Sequence[str | Path],
    *,
    task: str = "encoder",
    device: str = "cpu",
    profile: str = "auto",
    atol: float | None = None,
    rtol: float | None = None,
    positions: Positions = "all",
    judge_padding: JudgePadding = "auto",
    inputs: str | Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Compares candidates with a reference on seeded probes.

    Args:
      reference, candidates: artefacts, each `[KIND:]PATH`: checkpoints in any layout, Hub modules, SavedModels,
        `.npz` files of stored inputs and outputs.
      task: what a checkpoint computes, one of `TASK_OUTPUTS`.
      device: where the candidates run; the reference runs on the CPU.
      profile: a name in `PROFILES`, or `auto`.
      atol, rtol: in place of the profile's.
      positions: `unmasked` judges outputs over the sequence only where the mask is 1.
      judge_padding: whether rows that are all padding are judged; `auto`: where both sides agree on what is
        right.
      inputs: an `.npz` of inputs, in place of the probes.
      seed: of the probes.
      progress: called as the work goes on.

    Raises:
      BertferryError: an artefact that cannot be opened, options that do not go together, a missing device.
        Disagreement is no exception: see `Report.ok`.
    """
    if task not in TASK_OUTPUTS:
        raise UsageError(f"unknown task {task!r}: known are {', '.join(TASK_OUTPUTS)}")
    stored = None if inputs is None else read_inputs(Path(inputs))
    if profile not in ("auto", *PROFILES):
        raise UsageError(f"unknown profile {profile!r}: known are auto, {', '.join(PROFILES)}")
    sides = [artefact(reference, task, "cpu"), *(artefact(candidate, task, device) for candidate in candidates)]
    return compare_artefacts(
        sides[0],
        sides[1:],
        _tolerance(loosest(sides) if profile == "auto" else profile, atol, rtol),
        task=task,
        positions=positions,
        judge_padding=judge_padding,
        inputs=stored,
        seed=seed,
        progress=progress,
    )


def compare_artefacts(
    reference: Artefact,
    candidates: Sequence[Artefact],
    tolerance: Tolerance = PROFILES[DEFAULT_PROFILE],
    *,
    task: str = "encoder",
    positions: Positions = "all",
    judge_padding: JudgePadding = "auto",
    inputs: dict[str, np.ndarray] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Compares opened-on-demand artefacts; one of them is in memory at a time. Arguments as `verify_parity`."""
    if not candidates:
        raise UsageError("nothing to compare: name at least one candidate")
    everyone = (reference, *candidates)
    probes, covered = _probes(everyone, task, inputs, seed)
    tell = progress or (lambda what, done, total: None)
    runner = reference.open()
    shares_mask = runner.shares_mask
    wanted = []
    for number, probe in enumerate(probes):
        tell(f"reference on '{probe.name}'", number, len(probes) * len(everyone))
        wanted.append(_reference_outputs(runner, probe, reference.name))
    del runner
    results = []
    for turn, candidate in enumerate(candidates, start=1):
        runner = candidate.open()
        judged = judge_padding == "always" or (judge_padding == "auto" and shares_mask and runner.shares_mask)
        outcomes = []
        for number, (probe, want) in enumerate(zip(probes, wanted, strict=True)):
            tell(f"candidate on '{probe.name}'", turn * len(probes) + number, len(probes) * len(everyone))
            outcomes.append(_outcome(runner, probe, want, tolerance, positions, judged))
        results.append(CandidateResult(candidate.name, tuple(outcomes)))
        del runner
    return Report(
        reference=reference.name,
        candidates=tuple(results),
        tolerance=tolerance,
        task=task,
        positions=positions,
        judge_padding=judge_padding,
        seed=seed,
        coverage=covered,
    )


def loosest(sides: Sequence[Artefact]) -> str:
    """The profile of the side that can be expected to agree least closely."""
    order = list(PROFILES)
    return max((side.profile for side in sides), key=order.index)


def _tolerance(profile: str, atol: float | None, rtol: float | None) -> Tolerance:
    chosen = PROFILES[profile]
    if atol is None and rtol is None:
        return chosen
    given = replace(
        chosen,
        name="the given tolerance",
        atol=chosen.atol if atol is None else atol,
        rtol=chosen.rtol if rtol is None else rtol,
        min_sqnr_db=None,
    )
    if not (given.atol >= 0 and given.rtol >= 0):
        raise UsageError(f"atol {given.atol} and rtol {given.rtol} must not be negative")
    return given


def _probes(
    artefacts: Sequence[Artefact], task: str, inputs: dict[str, np.ndarray] | None, seed: int
) -> tuple[tuple[Probe, ...], float | None]:
    """The given or stored inputs where there are some, else the standard probes; and the words they use."""
    limits = next((side.limits for side in artefacts if side.limits), None)
    stored = inputs if inputs is not None else next((side.inputs for side in artefacts if side.inputs), None)
    if stored is not None:
        probes: tuple[Probe, ...] = (Probe("given inputs" if inputs else "stored inputs", stored),)
    elif limits is None:
        raise UsageError("no artefact says what inputs are valid: give some with --inputs FILE.npz")
    else:
        probes = standard_probes(limits, seed, with_positions="mlm_logits" in TASK_OUTPUTS[task])
    _check_limits(artefacts, probes)
    return probes, coverage(probes, limits) if limits else None


def _check_limits(artefacts: Sequence[Artefact], probes: Sequence[Probe]) -> None:
    """Refuses sides of different vocabularies, and inputs that a side could not take."""
    known = [side for side in artefacts if side.limits]
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
    tolerance: Tolerance,
    positions: Positions,
    judge_padding: bool,
) -> ProbeResult:
    try:
        got = runner.run(probe.inputs)
    except Exception as error:  # a candidate that opens but fails on a valid input disagrees
        return ProbeResult(probe.name, error=f"fails with {type(error).__name__}: {first_line(error)}")
    mask = probe.inputs.get("input_mask")
    diffs = compare(want, got, tolerance, mask=mask, positions=positions, judge_padding=judge_padding)
    return ProbeResult(probe.name, diffs)
