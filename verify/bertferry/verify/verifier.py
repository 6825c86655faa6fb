"""verify_parity: do these artefacts compute the same function?"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bertferry.core.errors import UsageError
from bertferry.core.tasks import TASKS
from bertferry.verify.artefact import artefact, split_kind
from bertferry.verify.comparison import Positions
from bertferry.verify.execution import Execution
from bertferry.verify.golden import read_inputs
from bertferry.verify.probes import Probe
from bertferry.verify.report import Report
from bertferry.verify.side_by_side import Judgement, JudgePadding, Progress, compare_artefacts, loosest
from bertferry.verify.stored_report import read_report, regressions
from bertferry.verify.texts import text_probes
from bertferry.verify.tolerance import PROFILES, parse_overrides
from bertferry.verify.tolerance import profile as profile_named


def verify_parity(
    reference: str | Path,
    candidates: Sequence[str | Path],
    *,
    task: str = "encoder",
    device: str = "cpu",
    precision: str | None = None,
    reference_device: str = "cpu",
    reference_precision: str | None = None,
    graph_optimization: str = "all",
    threads: int | None = None,
    names: Mapping[str, str] | None = None,
    profile: str = "auto",
    atol: float | None = None,
    rtol: float | None = None,
    overrides: Sequence[str] = (),
    positions: Positions = "all",
    judge_padding: JudgePadding = "auto",
    probes: Sequence[str] = (),
    texts: str | Path | None = None,
    inputs: str | Path | None = None,
    seed: int = 0,
    localize: bool = False,
    save_golden: str | Path | None = None,
    baseline: str | Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compares candidates with a reference on seeded probes.

    Args:
      reference, candidates: artefacts, each `[KIND:]PATH`: checkpoints in any layout, Hub modules, SavedModels,
        ONNX files, Hugging Face directories, `.npz` files of stored inputs and outputs.
      task: what a checkpoint computes, one of `TASKS`.
      device, precision: of the candidates, see `bertferry.verify.execution`; None is an artefact's own precision.
      reference_device, reference_precision: of the reference; `fp64` makes it the arbiter of who drifted.
      graph_optimization, threads: of ONNX Runtime, for all ONNX files.
      names: an artefact's own input and output names, and those that they stand for.
      profile: a name in `PROFILES`, or `auto` for that of the side that can agree least closely.
      atol, rtol: in place of the profile's.
      overrides: tolerances of single outputs, see `parse_overrides`.
      positions: `unmasked` judges outputs over the sequence only where the mask is 1.
      judge_padding: whether rows that are all padding are judged; `auto`: where both sides agree on what is
        right.
      probes: names of those to run, by default all.
      texts: a file with a text a line, in place of the probes; needs a vocabulary beside an artefact.
      inputs: an `.npz` of inputs, in place of the probes.
      seed: of the probes.
      localize: also compare the values inside, and name the first point that drifts.
      save_golden: an `.npz` to store the inputs and the reference's outputs in.
      baseline: an earlier report (JSON); getting worse than it by more than noise is a disagreement.
      progress: called as the work goes on.

    Raises:
      BertferryError: an artefact that cannot be opened, options that do not go together, a missing device.
        Disagreement is no exception: see `Report.ok`.
    """
    if task not in TASKS:
        raise UsageError(f"unknown task {task!r}: known are {', '.join(TASKS)}")
    if profile != "auto" and profile not in PROFILES:
        raise UsageError(f"unknown profile {profile!r}: known are auto, {', '.join(PROFILES)}")
    if (threads, graph_optimization) != (None, "all") and not any(
        split_kind(str(side))[0] == "onnx" for side in (reference, *candidates)
    ):
        raise UsageError("--threads and --graph-optimization are for ONNX files, and there is none here")
    earlier = None if baseline is None else read_report(Path(baseline))
    common = {"graph_optimization": graph_optimization, "threads": threads, "names": dict(names or {})}
    of_reference = Execution(reference_device, reference_precision, **common, reference=True)  # type: ignore[arg-type]
    wanted = artefact(reference, task, of_reference)
    of_candidates = Execution(device, precision, **common)  # type: ignore[arg-type]
    others = [artefact(candidate, task, of_candidates) for candidate in candidates]
    chosen = loosest([wanted, *others]) if profile == "auto" else profile
    tolerance = profile_named(chosen).changed(atol, rtol)
    given: Sequence[Probe] = ()
    if inputs is not None and texts is not None:
        raise UsageError("give either --inputs or --texts")
    if inputs is not None:
        given = read_inputs(Path(inputs))
    if texts is not None:
        given = text_probes(Path(texts), [wanted, *others])
    report = compare_artefacts(
        wanted,
        others,
        Judgement(
            tolerance,
            parse_overrides(overrides, tolerance),
            task,
            positions,
            judge_padding,
            seed,
            localize,
            None if save_golden is None else Path(save_golden),
        ),
        probes=probes,
        inputs=given,
        progress=progress,
    )
    return report if earlier is None else report.with_faults(regressions(report, earlier))
