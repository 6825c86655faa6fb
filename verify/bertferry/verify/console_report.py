"""A report for the terminal: one table per candidate, worst first, and a hint on what to do next."""

from bertferry.core.tasks import EMBEDDINGS
from bertferry.verify.labeled.console import task_lines
from bertferry.verify.localization import Drift, PointDrift
from bertferry.verify.metrics import COSINES, RANKS
from bertferry.verify.report import CandidateResult, Report, Row, rows_of

SHOWN = 8
ALIKE = 0.99995
"""Higher rank correlations add nothing to the table and are not shown."""


def render(report: Report) -> str:
    """Renders the whole report; the verdict comes last."""
    lines = [f"reference  {report.reference}{_runs_on(report.runs_on)}", *(f"  {note}" for note in report.notes)]
    for candidate in report.candidates:
        lines += ["", f"candidate  {candidate.name}{_runs_on(candidate.runs_on)}", *_table(report, candidate)]
        lines += [
            f"  {metric.name}: {metric.reason or metric.text}"
            for metric in candidate.metrics
            if metric.reason or metric.value < ALIKE or not metric.name.startswith((COSINES, RANKS))
        ]
        if candidate.task_result:
            lines += ["", *(f"  {line}" for line in task_lines(candidate.task_result))]
        lines += [f"  - {fault}" for fault in candidate.faults]
        if candidate.tensors:
            lines += [f"  tensors: {line}" for line in _truncate(candidate.tensors)]
        if candidate.drift:
            lines += [f"  {line}" for line in _drift_lines(candidate.drift)]
    lines += ["", report.verdict()]
    if not report.ok:
        lines.append(_hint(report))
    return "\n".join(lines)


def _runs_on(how: str) -> str:
    return "" if how in ("", "cpu") else f"  [{how}]"


def _truncate(lines: tuple[str, ...]) -> list[str]:
    more = [f"and {len(lines) - SHOWN} more; --json lists all"] if len(lines) > SHOWN else []
    return [*lines[:SHOWN], *more]


def _table(report: Report, candidate: CandidateResult) -> list[str]:
    """The worst probe of each output, then every failure with its reason."""
    rows = [row for row in rows_of(report) if row.candidate == candidate.name]
    wide = max(18, *(len(row.output) + 2 for row in rows), 0)
    lines = [f"  {'output':<{wide}}{'worst probe':<18}{'max abs':>9}{'mean abs':>10}{'SQNR dB':>9}{'cosine':>10}"]
    outputs = dict.fromkeys(row.output for row in rows)
    worst = [max((row for row in rows if row.output == name), key=lambda row: row.max_abs) for name in outputs]
    for row in sorted(worst, key=lambda row: -row.max_abs):
        judges = report.overrides.get(row.output, report.tolerance).judges_outputs
        lines.append(f"  {row.output:<{wide}}{row.probe:<18}" + _figures(row, rows, judges=judges))
    failures = sorted((row for row in rows if row.reason), key=lambda row: -row.max_abs)
    return lines + [
        f"  - {line}"
        for line in _truncate(tuple(f"{row.output} on '{row.probe}': {row.reason}" for row in failures))
    ]


def _figures(row: Row, rows: list[Row], *, judges: bool) -> str:
    if row.statistics is None:
        return f"{'FAILED' if row.reason else 'not judged':>9}"
    s = row.statistics
    failed = any(other.reason for other in rows if other.output == row.output)
    figures = f"{s.max_abs:>9.1e}{s.mean_abs:>10.1e}{s.sqnr_db:>9.1f}{s.worst_row_cosine:>10.6f}"
    return f"{figures}  {'FAILED' if failed else 'ok' if judges else 'not judged'}"


def _drift_lines(drift: Drift) -> list[str]:
    """Where the drift begins, then the points around that or around the worst one."""
    if drift.note:
        return [f"drift: {drift.note}"]
    lines = [f"drift on '{drift.probe}': {drift.describe()}"]
    lines.append(f"  {'point':<26}{'cumulative':>11}{'local':>10}")
    return lines + [
        f"  {at.point:<26}{at.cumulative:>11.1e}{at.local:>10.1e}{'  <--' * (at.point == drift.culprit)}"
        for at in _points_shown(drift)
    ]


def _points_shown(drift: Drift) -> tuple[PointDrift, ...]:
    names = [at.point for at in drift.points]
    worst = max(range(len(names)), key=lambda index: drift.points[index].local, default=0)
    center = names.index(drift.culprit) if drift.culprit in names else worst
    return drift.points[max(0, center - 3) : center + 4]


def _hint(report: Report) -> str:
    """What to look at first, depending on which outputs and probes fail."""
    failed = [row for row in rows_of(report) if row.reason]
    if not failed:
        if any(one.task_result and one.task_result.reasons for one in report.candidates):
            return (
                "hint: decisions that change are worth reading; a higher precision, or --margin, allows for them"
            )
        return "hint: no output differs; see the reasons above"
    if any(row.output == "(all)" for row in failed):
        return "hint: the candidate failed on a valid input; see its error above"
    if any(row.statistics is None for row in failed):
        return (
            "hint: some outputs cannot be compared; if shapes or types differ, compare the artifacts' signatures "
            "and --task"
        )
    if any(row.reason == row.diff.types for row in failed):
        return (
            "hint: the types of the outputs differ; profiles for half precision allow it, such as --profile fp16"
        )
    if all(row.diff.only_padding for row in failed):
        return "hint: only padded positions differ; ignore them with --positions unmasked"
    if any(candidate.drift and candidate.drift.culprit and not candidate.ok for candidate in report.candidates):
        return (
            "hint: compare the parameters and the arithmetic between the point named above and the one before it"
        )
    probes = [probe for candidate in report.candidates for probe in candidate.probes]
    different = {probe.probe for probe in probes if not probe.ok}
    if any(not probe.padded for probe in probes) and all(probe.padded or probe.ok for probe in probes):
        return "hint: only padded inputs differ; compare how the mask is applied"
    outputs = {row.output for row in failed}
    if "sequence_output" in {row.output for row in rows_of(report)} - outputs:
        where = (
            "the pooler: its weights, its tanh, the position that it reads"
            if "pooled_output" in outputs
            else "the head"
        )
        return f"hint: the vectors of the tokens agree, only {', '.join(sorted(outputs))} differs; compare {where}"
    if report.tolerance.max_loss is None and any(one.task_result for one in report.candidates):
        return "hint: --profile task judges the scores on labeled texts instead of each output"
    all_probes = {probe.probe for probe in probes}
    scope = (
        "every input differs"
        if different == all_probes
        else f"{len(different)} of {len(all_probes)} inputs differ"
    )
    localized = any(candidate.drift for candidate in report.candidates)
    localize = "" if localized else "; --localize shows where drift begins"
    pooling = ", and pooling and scaling" if report.task == EMBEDDINGS else ""
    return f"hint: {scope}{localize}; compare activation and num_attention_heads{pooling}"
