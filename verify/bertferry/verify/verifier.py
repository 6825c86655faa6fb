"""verify_parity: do these artifacts compute the same function?"""

from collections.abc import Sequence
from pathlib import Path

from bertferry.convert import SourceOptions
from bertferry.core.errors import UsageError
from bertferry.verify.artifact import artifact, split_kind
from bertferry.verify.golden import read_inputs
from bertferry.verify.options import ParityOptions
from bertferry.verify.probes import Probe
from bertferry.verify.report import Report
from bertferry.verify.side_by_side import Judgement, Progress, compare_artifacts, loosest
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
    progress: Progress | None = None,
) -> Report:
    """Compares candidates with a reference on seeded probes.

    Args:
      reference, candidates: artifacts, each `[KIND:]PATH`: checkpoints in any layout, Hub modules, SavedModels,
        ONNX files, Hugging Face directories, `.npz` files of stored inputs and outputs.
      options: what is run, and what counts as equal.
      source: how checkpoints are read, where their files leave it open.
      progress: called as the work goes on.

    Raises:
      BertferryError: an artifact that cannot be opened, options that do not go together, a missing device.
        Disagreement is no exception: see `Report.ok`.
    """
    if (options.threads, options.graph_optimization) != (None, "all") and not any(
        split_kind(str(side))[0] == "onnx" for side in (reference, *candidates)
    ):
        raise UsageError("--threads and --graph-optimization are for ONNX files, and there is none here")
    earlier = None if options.baseline is None else read_report(Path(options.baseline))
    wanted = artifact(reference, options.task, options.of_reference(), source)
    others = [artifact(candidate, options.task, options.of_candidates(), source) for candidate in candidates]
    chosen = loosest([wanted, *others]) if options.profile == "auto" else options.profile
    tolerance = profile_named(chosen).changed(options.atol, options.rtol)
    given: Sequence[Probe] = ()
    if options.inputs is not None:
        given = read_inputs(Path(options.inputs))
    if options.texts is not None:
        given = text_probes(Path(options.texts), [wanted, *others])
    report = compare_artifacts(
        wanted,
        others,
        Judgement(
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
        inputs=given,
        progress=progress,
    )
    return report if earlier is None else report.with_faults(regressions(report, earlier))
