"""verify_parity: do these artifacts compute the same function?"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bertferry.convert import SourceOptions
from bertferry.core.errors import UsageError
from bertferry.core.inner_outputs import inner_kinds
from bertferry.core.progress import ProgressCallback
from bertferry.core.tasks import EMBEDDINGS, GRAPH_TASKS
from bertferry.verify.applicability import check_kinds, check_padding
from bertferry.verify.artifact import Artifact
from bertferry.verify.artifact_comparison import Judgment, compare_artifacts, loosest_profile
from bertferry.verify.fitting import check_fit, find_restrictions, fit_probes
from bertferry.verify.given_texts import GivenTexts, read_given_texts
from bertferry.verify.golden import read_inputs
from bertferry.verify.inputs import count_differently, find_limits, select_inputs
from bertferry.verify.kinds import split_kind
from bertferry.verify.labeled.labels import Labels
from bertferry.verify.matching import check_inputs, check_map, check_outputs
from bertferry.verify.options import ParityOptions
from bertferry.verify.probes import Probe
from bertferry.verify.report import Report
from bertferry.verify.resolution import resolve_artifact
from bertferry.verify.stored_report import read_report, regressions
from bertferry.verify.string_comparison import as_string_source, string_probes, strings_of
from bertferry.verify.texts import text_probes
from bertferry.verify.tolerance import Tolerance, parse_overrides
from bertferry.verify.tolerance import profile as profile_named

BEFORE_PADDING = (
    "compared at the tokens of texts that are padded on the right: elsewhere, some sides count positions over ids "
    "and others do not"
)


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
        ONNX and LiteRT files, Hugging Face directories, `.npz` files of stored inputs and outputs.
      options: what to run, and what counts as equal.
      source: how to read checkpoints whose files leave it open.
      progress: called as the work goes on.

    Raises:
      BertferryError: an artifact cannot be opened, the options conflict, or a device is missing.
        Disagreement does not raise: see `Report.ok`.
    """
    check_kinds(options, source, [split_kind(str(side))[0] for side in (reference, *candidates)])
    baseline = None if options.baseline is None else read_report(Path(options.baseline))
    sides = _resolve(reference, candidates, options, source)
    notes: tuple[str, ...] = ()
    fitted: tuple[str, ...] = ()
    inputs: Sequence[Probe]
    kind = strings_of(sides[1:])
    _check_text_flags(options, source, strings=kind is not None)
    texts = read_given_texts(options, sides, kind)
    if kind is not None:
        sides[0] = as_string_source(sides[0], kind)
        given = (texts.texts, texts.seconds) if texts else ((), None)
        inputs = string_probes(sides[0], kind, options.seed, *given)
    else:
        notes = _check_names(sides, options)
        inputs, fitted = _inputs(sides, options, texts)
        check_padding(options, inputs)
    if texts is not None:
        texts.check_all(inputs)
    profile_name = loosest_profile(sides) if options.profile == "auto" else options.profile
    restricted = (BEFORE_PADDING,) if count_differently(sides) else ()
    positions = "unmasked" if restricted else options.positions
    tolerance = profile_named(profile_name, options.margin).with_bounds(options.atol, options.rtol)
    report = compare_artifacts(
        sides[0],
        sides[1:],
        _judgment(replace(options, positions=positions), tolerance, texts.labels if texts else None),
        inputs=inputs,
        progress=progress,
    )
    report = replace(report, notes=(*notes, *fitted, *restricted))
    _check_overrides(report)
    return report if baseline is None else report.with_faults(regressions(report, baseline))


def _judgment(options: ParityOptions, tolerance: Tolerance, labels: Labels | None) -> Judgment:
    return Judgment(
        tolerance,
        parse_overrides(options.overrides, tolerance),
        options.task,
        options.positions,
        options.judge_padding,
        options.seed,
        options.localize,
        None if options.save_golden is None else Path(options.save_golden),
        outputs=options.outputs,
        labels=labels,
    )


def _resolve(
    reference: str | Path, candidates: Sequence[str | Path], options: ParityOptions, source: SourceOptions
) -> list[Artifact]:
    """The reference and the candidates; checkpoints compute what any other returns on request."""
    runs = [(reference, options.reference_execution())]
    runs += [(candidate, options.candidate_execution()) for candidate in candidates]
    sides = [resolve_artifact(path, options.task, run, source, options.names) for path, run in runs]
    inner = inner_kinds(name for side in sides if side.interface for name in side.interface.outputs)
    return [
        side
        if side.checkpoint is None or not inner
        else resolve_artifact(path, options.task, run, source, inner=inner)
        for side, (path, run) in zip(sides, runs, strict=True)
    ]


def _check_names(sides: Sequence[Artifact], options: ParityOptions) -> tuple[str, ...]:
    """Refuses sides whose names do not match; returns what is left out of the comparison."""
    check_map(options.names, sides, read_names=options.inputs is not None)
    check_inputs(sides, GRAPH_TASKS[options.task])
    return check_outputs(sides[0], sides[1:], options.outputs)


def _inputs(
    sides: Sequence[Artifact], options: ParityOptions, texts: GivenTexts | None
) -> tuple[tuple[Probe, ...], tuple[str, ...]]:
    """The inputs of the comparison, and what they were fitted to."""
    given: Sequence[Probe] = ()
    if options.inputs is not None:
        given = read_inputs(Path(options.inputs), GRAPH_TASKS[options.task], options.names)
    if texts is not None:
        given = text_probes(texts.texts, sides, texts.seconds)
    restrictions = find_restrictions(sides)
    length = next((at.size for at in restrictions if at.axis == 1), None)
    if not options.fit_inputs:
        probes = select_inputs(sides, options.task, options.seed, given, options.probes)
        check_fit(probes, restrictions)
        return probes, ()
    probes = select_inputs(sides, options.task, options.seed, given, options.probes, length=length)
    if any(side.probes for side in sides):  # they have outputs for their own inputs alone
        check_fit(probes, restrictions)
    limits = find_limits(sides)
    fitted = fit_probes(probes, restrictions, limits.pad_id if limits else 0)
    return fitted, tuple(f"fitted to {at.artifact}: {at.what}" for at in restrictions)


def _check_text_flags(options: ParityOptions, source: SourceOptions, *, strings: bool) -> None:
    """Refuses options about texts if nothing uses them, and about inputs of encoders if candidates take strings.

    Raises:
      UsageError: naming the flags.
    """
    if source.about_embeddings and not strings and options.task != EMBEDDINGS:
        raise UsageError("--pooling and --normalize are for --task embeddings, or a module that takes strings")
    if not strings:
        if source.about_texts and options.texts is None:
            flags = ", ".join(source.about_texts)
            raise UsageError(f"{flags}: no text is tokenized: give --texts FILE, or a module that takes strings")
        return
    for flag, given in (
        ("--inputs", options.inputs is not None),
        ("--localize", options.localize),
        ("--save-golden", options.save_golden is not None),
        ("--positions", options.positions != "all"),
        ("--map", bool(options.names)),
        ("--outputs", options.outputs != "all"),
        ("--fit-inputs", options.fit_inputs),
    ):
        if given:
            raise UsageError(f"{flag} applies to encoders, and a candidate takes strings: leave it out")


def _check_overrides(report: Report) -> None:
    """Refuses a tolerance for an output that no side has: nothing would be judged by it."""
    probes = [probe for candidate in report.candidates for probe in candidate.probes]
    outputs = sorted({diff.output for probe in probes for diff in probe.diffs})
    if unknown := sorted(set(report.overrides) - set(outputs)):
        raise UsageError(f"--override {unknown[0]}: no output has that name: expected one of {', '.join(outputs)}")
