"""A report on the terminal: a table for each candidate, worst first, and what to do next."""

from bertferry.core.tasks import TASKS
from bertferry.verify.localization import Drift, PointDrift
from bertferry.verify.report import CandidateResult, Report, Row, rows_of

SHOWN = 8
ALIKE = 0.99995
"""Rank correlations from here on say nothing that the table does not."""


def render(report: Report) -> str:
    """The whole report, the verdict last."""
    lines = [f"reference  {report.reference}{_runs_on(report.runs_on)}"]
    for candidate in report.candidates:
        lines += ["", f"candidate  {candidate.name}{_runs_on(candidate.runs_on)}", *_table(report, candidate)]
        lines += [
            f"  {metric.name}: {metric.reason or metric.text}"
            for metric in candidate.metrics
            if metric.reason or metric.value < ALIKE or not metric.name.startswith("ranks")
        ]
        lines += [f"  - {fault}" for fault in candidate.faults]
        if candidate.tensors:
            lines += [f"  tensors: {line}" for line in _first(candidate.tensors)]
        if candidate.drift:
            lines += [f"  {line}" for line in _drift(candidate.drift)]
    lines += ["", report.verdict()]
    if not report.ok:
        lines.append(_advice(report))
    return "\n".join(lines)


def _runs_on(how: str) -> str:
    return "" if how in ("", "cpu") else f"  [{how}]"


def _first(lines: tuple[str, ...]) -> list[str]:
    more = [f"and {len(lines) - SHOWN} more, all of them with --json"] if len(lines) > SHOWN else []
    return [*lines[:SHOWN], *more]


def _table(report: Report, candidate: CandidateResult) -> list[str]:
    """Per output its worst probe, then every failure with its reason."""
    rows = [row for row in rows_of(report) if row.candidate == candidate.name]
    lines = [f"  {'output':<18}{'worst probe':<18}{'max abs':>9}{'mean abs':>10}{'SQNR dB':>9}{'cosine':>10}"]
    outputs = dict.fromkeys(row.output for row in rows)
    worst = [max((row for row in rows if row.output == name), key=lambda row: row.max_abs) for name in outputs]
    for row in sorted(worst, key=lambda row: -row.max_abs):
        judges = report.overrides.get(row.output, report.tolerance).judges
        lines.append(f"  {row.output:<18}{row.probe:<18}" + _figures(row, rows, judges=judges))
    failures = sorted((row for row in rows if row.reason), key=lambda row: -row.max_abs)
    return lines + [
        f"  - {line}" for line in _first(tuple(f"{row.output} on '{row.probe}': {row.reason}" for row in failures))
    ]


def _figures(row: Row, rows: list[Row], *, judges: bool) -> str:
    if row.statistics is None:
        return f"{'FAILED' if row.reason else 'not judged':>9}"
    s = row.statistics
    failed = any(other.reason for other in rows if other.output == row.output)
    figures = f"{s.max_abs:>9.1e}{s.mean_abs:>10.1e}{s.sqnr_db:>9.1f}{s.worst_row_cosine:>10.6f}"
    return f"{figures}  {'FAILED' if failed else 'ok' if judges else 'not judged'}"


def _drift(drift: Drift) -> list[str]:
    """Where it begins, then the points around the culprit or the worst."""
    if drift.note:
        return [f"where it drifts: {drift.note}"]
    lines = [f"where it drifts ('{drift.probe}'): {drift.sentence()}"]
    lines.append(f"  {'point':<26}{'cumulative':>11}{'local':>10}")
    return lines + [
        f"  {at.point:<26}{at.cumulative:>11.1e}{at.local:>10.1e}{'  <--' * (at.point == drift.culprit)}"
        for at in _points_shown(drift)
    ]


def _points_shown(drift: Drift) -> tuple[PointDrift, ...]:
    names = [at.point for at in drift.points]
    worst = max(range(len(names)), key=lambda place: drift.points[place].local, default=0)
    centre = names.index(drift.culprit) if drift.culprit in names else worst
    return drift.points[max(0, centre - 3) : centre + 4]


def _advice(report: Report) -> str:
    """What to look at first, judged from which outputs and probes fail."""
    failed = [row for row in rows_of(report) if row.reason]
    if not failed:
        return "next: no output differs; see the reasons above"
    if any(row.output == "(all)" for row in failed):
        return "next: the candidate did not run on a valid input; see its error above"
    if any(row.statistics is None for row in failed):
        return (
            "next: some outputs cannot be compared; where names, shapes or types differ, compare the artifacts' "
            "signatures and --task, or give --map"
        )
    if any(candidate.drift and candidate.drift.culprit and not candidate.ok for candidate in report.candidates):
        return (
            "next: look at the parameters and the arithmetic between the point named above and the one before it"
        )
    probes = [probe for candidate in report.candidates for probe in candidate.probes]
    different = {probe.probe for probe in probes if not probe.ok}
    if any(not probe.padded for probe in probes) and all(probe.padded or probe.ok for probe in probes):
        tokens = report.positions == "all" and all(row.output in TASKS[report.task].per_token for row in failed)
        way_out = ", or judge tokens alone with --positions unmasked" if tokens else ""
        return f"next: only padded inputs differ; look at the mask{way_out}"
    every = {probe.probe for probe in probes}
    scope = "every input differs" if different == every else f"{len(different)} of {len(every)} inputs differ"
    localized = any(candidate.drift for candidate in report.candidates)
    hint = "" if localized else "; --localize finds where it begins"
    return f"next: {scope}{hint}; compare activation and num_attention_heads"
