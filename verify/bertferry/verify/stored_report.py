"""Reports that were written with --json: read back, judged anew, and compared with a later one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bertferry.core.results import read_json
from bertferry.verify.comparison import OutputDiff, judge
from bertferry.verify.metrics import Metric, rank_fault
from bertferry.verify.report import Report, rows_of
from bertferry.verify.statistics import Statistics
from bertferry.verify.tolerance import Tolerance

NOISE_DB = 6.0
"""By how much an output's SQNR may fall below that of an earlier run: half the signal-to-noise ratio."""
NOISE_FACTOR = 3.0
"""And by how much its largest difference may grow."""
EXACT = 1e-6
"""Differences below this are noise whatever they were before."""


def read_report(path: Path) -> Report:
    """A report as `--json FILE` wrote it.

    Raises:
      UsageError: unreadable, or not such a report.
    """
    return Report.from_dict(read_json(path), path)


def rejudged(report: Report, tolerance: Tolerance, overrides: Mapping[str, Tolerance]) -> Report:
    """The report under other thresholds, without running anything again.

    Exact for the relative tolerances of the profiles; for others the next smaller one that was measured counts.
    What could not be compared then is not compared now, and the decisions of `metrics` stay as they were.
    """

    def diff(one: OutputDiff) -> OutputDiff:
        if one.statistics is None:
            return one
        chosen = overrides.get(one.output, tolerance)
        return replace(one, reason=judge(replace(one.statistics, violations=None), chosen))

    def metric(one: Metric) -> Metric:
        return replace(one, reason=rank_fault(one.value, tolerance.min_rank_correlation) if one.judged else "")

    candidates = tuple(
        replace(
            candidate,
            probes=tuple(replace(probe, diffs=tuple(map(diff, probe.diffs))) for probe in candidate.probes),
            metrics=tuple(map(metric, candidate.metrics)),
        )
        for candidate in report.candidates
    )
    return replace(report, candidates=candidates, tolerance=tolerance, overrides=dict(overrides))


def regressions(report: Report, baseline: Report) -> dict[str, tuple[str, ...]]:
    """What got worse since an earlier report by more than noise, or is no longer compared, by candidate.

    Candidates are matched by their order: their paths may have changed.
    """
    found: dict[str, tuple[str, ...]] = {}
    for place, old in enumerate(baseline.candidates):
        if place >= len(report.candidates):
            name = report.candidates[-1].name
            found[name] = (*found.get(name, ()), f"regression: {old.name} is no longer compared")
            continue
        new = report.candidates[place]
        found[new.name] = tuple(_regressions(_measured(report, new.name), _measured(baseline, old.name)))
    return found


def _regressions(
    new: Mapping[tuple[str, str], Statistics], old: Mapping[tuple[str, str], Statistics]
) -> list[str]:
    lines = []
    for (probe, output), before in old.items():
        now = new.get((probe, output))
        where = f"regression: {output} on '{probe}'"
        if now is None:
            lines.append(f"{where} is no longer compared")
        elif now.max_abs > EXACT and (
            now.max_abs > NOISE_FACTOR * before.max_abs or now.sqnr_db < before.sqnr_db - NOISE_DB
        ):
            lines.append(
                f"{where}: max abs {now.max_abs:.1e}, SQNR {now.sqnr_db:.1f} dB; "
                f"before {before.max_abs:.1e}, {before.sqnr_db:.1f} dB"
            )
    return lines


def _measured(report: Report, candidate: str) -> dict[tuple[str, str], Statistics]:
    rows = [row for row in rows_of(report) if row.candidate == candidate]
    return {(row.probe, row.output): row.statistics for row in rows if row.statistics}
