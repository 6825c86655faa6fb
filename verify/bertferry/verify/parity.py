"""verify_parity: do these artifacts compute the same function?"""

from collections.abc import Sequence
from pathlib import Path

from bertferry.convert import SourceOptions
from bertferry.core.errors import UsageError
from bertferry.core.progress import ProgressCallback
from bertferry.verify.artifact import resolve_artifact, split_kind
from bertferry.verify.artifact_comparison import Judgment, compare_artifacts, loosest_profile
from bertferry.verify.golden import read_inputs
from bertferry.verify.options import ParityOptions
from bertferry.verify.probes import Probe
from bertferry.verify.report import Report
from bertferry.verify.stored_report import read_report, regressions
from bertferry.verify.texts import text_probes
from bertferry.verify.tolerance import parse_overrides
from bertferry.verify.tolerance import profile as profile_named


def verify_parity(
    reference: str | Path,
    candidates: Sequence[str | Path],
    options: ParityOptions = ParityOptions(),
    *,
    source: SourceOptions = SourceOptions(),
    progress: ProgressCallback | None = None,
) -> Report:
    """Compares candidates with a reference on seeded probes.

    Args:
      reference, candidates: artifacts, each `[KIND:]PATH`: checkpoints in any layout, Hub modules, SavedModels,
        ONNX files, Hugging Face directories, `.npz` files of stored inputs and outputs.
      options: what to run, and what counts as equal.
      source: how to read checkpoints whose files leave it open.
      progress: called as the work goes on.

    Raises:
      BertferryError: an artifact cannot be opened, the options conflict, or a device is missing.
        Disagreement does not raise: see `Report.ok`.
    """
    _check_flags_of_kinds(options, (reference, *candidates))
    baseline = None if options.baseline is None else read_report(Path(options.baseline))
    reference_artifact = resolve_artifact(reference, options.task, options.reference_execution(), source)
    candidate_artifacts = [
        resolve_artifact(candidate, options.task, options.candidate_execution(), source)
        for candidate in candidates
    ]
    profile_name = (
        loosest_profile([reference_artifact, *candidate_artifacts])
        if options.profile == "auto"
        else options.profile
    )
    tolerance = profile_named(profile_name).with_bounds(options.atol, options.rtol)
    input_probes: Sequence[Probe] = ()
    if options.inputs is not None:
        input_probes = read_inputs(Path(options.inputs))
    if options.texts is not None:
        input_probes = text_probes(Path(options.texts), [reference_artifact, *candidate_artifacts])
    report = compare_artifacts(
        reference_artifact,
        candidate_artifacts,
        Judgment(
            tolerance,
            parse_overrides(options.overrides, tolerance),
            options.task,
            options.positions,
            options.judge_padding,
            options.seed,
            options.localize,
            None if options.save_golden is None else Path(options.save_golden),
        ),
        probes=options.probes,
        inputs=input_probes,
        progress=progress,
    )
    _check_overrides(report)
    return report if baseline is None else report.with_faults(regressions(report, baseline))


def _check_flags_of_kinds(options: ParityOptions, sides: Sequence[str | Path]) -> None:
    """Refuses options for a kind of artifact if no side is of that kind."""
    kinds = {split_kind(str(side))[0] for side in sides}
    if (options.threads, options.graph_optimization) != (None, "all") and "onnx" not in kinds:
        raise UsageError("--threads and --graph-optimization apply to ONNX files only, and no artifact is one")
    if options.engine != "auto" and "checkpoint" not in kinds:
        raise UsageError("--engine applies to checkpoints only, and no artifact is one")


def _check_overrides(report: Report) -> None:
    """Refuses a tolerance for an output that no side has: nothing would be judged by it."""
    probes = [probe for candidate in report.candidates for probe in candidate.probes]
    outputs = sorted({diff.output for probe in probes for diff in probe.diffs})
    if unknown := sorted(set(report.overrides) - set(outputs)):
        raise UsageError(f"--override {unknown[0]}: no output has that name: expected one of {', '.join(outputs)}")
