"""Saved JSON reports: reading, re-evaluating, and comparing with a later one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bertferry.core.errors import UsageError
from bertferry.core.results import read_json
from bertferry.verify.comparison import OutputDiff, judge, judge_types
from bertferry.verify.metrics import Metric, similarity_fault
from bertferry.verify.report import Report, rows_of
from bertferry.verify.statistics import Statistics
from bertferry.verify.tolerance import Tolerance

NOISE_DB = 6.0
"""How far an output's SQNR may fall below that of an earlier run: to half the signal-to-noise ratio."""
NOISE_FACTOR = 3.0
"""By which factor its largest difference may grow."""
EXACT = 1e-6
"""Differences below this are noise, whatever they were before."""


def read_report(path: Path) -> Report:
    """Reads a report that `--json FILE` wrote.

    Raises:
      UsageError: the file is unreadable, or not such a report.
    """
    return Report.from_dict(read_json(path), path)


def rejudge(report: Report, tolerance: Tolerance, overrides: Mapping[str, Tolerance]) -> Report:
    """Re-evaluates a report with other tolerances, without running anything.

    Exact for the relative tolerances of the profiles; others are rounded down to the next one that was measured.
    Outputs that could not be compared stay so, and so do the counts of decisions in `metrics`.

    Raises:
      UsageError: the tolerance is for scores on labeled texts, and the report has none.
    """
    if tolerance.max_loss is not None and not all(one.task_result for one in report.candidates):
        raise UsageError("the report has no scores on labeled texts: run with --texts and --labels")

    def rejudge_diff(diff: OutputDiff) -> OutputDiff:
        if diff.statistics is None:
            return diff
        own_tolerance = overrides.get(diff.output, tolerance)
        reason = judge(replace(diff.statistics, violations=None), own_tolerance)
        return replace(diff, reason=judge_types(diff.types, own_tolerance) or reason)

    def rejudge_metric(metric: Metric) -> Metric:
        reason = similarity_fault(metric.name, metric.value, tolerance) if metric.judged else ""
        return replace(metric, reason=reason)

    candidates = tuple(
        replace(
            candidate,
            probes=tuple(
                replace(probe, diffs=tuple(map(rejudge_diff, probe.diffs))) for probe in candidate.probes
            ),
            metrics=tuple(map(rejudge_metric, candidate.metrics)),
            task_result=candidate.task_result and candidate.task_result.judged_by(tolerance),
        )
        for candidate in report.candidates
    )
    return replace(report, candidates=candidates, tolerance=tolerance, overrides=dict(overrides))


def regressions(report: Report, baseline: Report) -> dict[str, tuple[str, ...]]:
    """By candidate, outputs that are worse than in an earlier report by more than noise, or no longer compared.

    Candidates are matched by position, because their paths may have changed.
    """
    by_candidate: dict[str, tuple[str, ...]] = {}
    for place, old in enumerate(baseline.candidates):
        if place >= len(report.candidates):
            name = report.candidates[-1].name
            by_candidate[name] = (*by_candidate.get(name, ()), f"regression: {old.name} is no longer compared")
            continue
        new = report.candidates[place]
        by_candidate[new.name] = tuple(
            _regressions(_statistics_of(report, new.name), _statistics_of(baseline, old.name))
        )
    return by_candidate


def _regressions(
    new: Mapping[tuple[str, str], Statistics], old: Mapping[tuple[str, str], Statistics]
) -> list[str]:
    lines = []
    for (probe, output), before in old.items():
        now = new.get((probe, output))
        prefix = f"regression: {output} on '{probe}'"
        if now is None:
            lines.append(f"{prefix} is no longer compared")
        elif now.max_abs > EXACT and (
            now.max_abs > NOISE_FACTOR * before.max_abs or now.sqnr_db < before.sqnr_db - NOISE_DB
        ):
            lines.append(
                f"{prefix}: max abs {now.max_abs:.1e}, SQNR {now.sqnr_db:.1f} dB; "
                f"before {before.max_abs:.1e}, {before.sqnr_db:.1f} dB"
            )
    return lines


def _statistics_of(report: Report, candidate: str) -> dict[tuple[str, str], Statistics]:
    rows = [row for row in rows_of(report) if row.candidate == candidate]
    return {(row.probe, row.output): row.statistics for row in rows if row.statistics}
