"""The outcome of a comparison: a value that prints, serialises and has a verdict."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bertferry.verify.comparison import OutputDiff
from bertferry.verify.statistics import Statistics
from bertferry.verify.tolerance import Tolerance

SCHEMA = "bertferry.parity/1"


@dataclass(frozen=True)
class ProbeResult:
    """One candidate on one probe: a diff per output, or the error that it ended with."""

    probe: str
    diffs: tuple[OutputDiff, ...] = ()
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether it ran and every output agrees."""
        return not self.error and all(diff.ok for diff in self.diffs)


@dataclass(frozen=True)
class CandidateResult:
    """One candidate on every probe."""

    name: str
    probes: tuple[ProbeResult, ...]

    @property
    def ok(self) -> bool:
        """Whether every probe agrees, and there was one."""
        return bool(self.probes) and all(probe.ok for probe in self.probes)


@dataclass(frozen=True)
class Report:
    """A reference against its candidates. `coverage` is the share of word rows used, where known."""

    reference: str
    candidates: tuple[CandidateResult, ...]
    tolerance: Tolerance
    task: str
    positions: str
    judge_padding: str
    seed: int
    coverage: float | None

    @property
    def ok(self) -> bool:
        """Whether every candidate agrees, and there was one."""
        return bool(self.candidates) and all(candidate.ok for candidate in self.candidates)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; infinities become the strings `inf` and `-inf`."""
        plain: dict[str, Any] = _finite(
            {"schema": SCHEMA, "ok": self.ok, "verdict": self.verdict(), **asdict(self)}
        )
        return plain

    def verdict(self) -> str:
        """One line: agreement, with the largest difference, or the first disagreement."""
        rows = list(_rows(self))
        allowed = f"{self.tolerance.name} (atol {self.tolerance.atol:g}, rtol {self.tolerance.rtol:g})"
        if self.ok:
            probes = len(self.candidates[0].probes)
            measured = [row for row in rows if row.statistics]
            worst = max(measured, key=lambda row: row.max_abs, default=None)
            largest = f"; largest difference {worst.max_abs:.1e} in {worst.output}" if worst else ""
            return f"AGREE on {probes} probe{'s' * (probes != 1)} within {allowed}{largest}"
        failed = [row for row in rows if row.reason]
        if not failed:
            return "DISAGREE: nothing was compared"
        first = max(failed, key=lambda row: row.max_abs)
        where = f"{first.candidate}: {first.output} on probe '{first.probe}'"
        return f"DISAGREE in {len(failed)} of {len(rows)} comparisons under {allowed}: {where}: {first.reason}"

    def render(self) -> str:
        """The console table, worst first, and the verdict."""
        lines = [f"reference  {self.reference}"]
        for candidate in self.candidates:
            lines += ["", f"candidate  {candidate.name}", *_table(self, candidate)]
        lines += ["", self.verdict()]
        if not self.ok:
            lines.append(_advice(self))
        return "\n".join(lines)


@dataclass(frozen=True)
class _Row:
    candidate: str
    probe: str
    output: str
    reason: str
    statistics: Statistics | None

    @property
    def max_abs(self) -> float:
        if self.statistics:
            return self.statistics.max_abs
        return math.inf if self.reason else 0.0


def _rows(report: Report) -> Iterator[_Row]:
    for candidate in report.candidates:
        for probe in candidate.probes:
            if probe.error:
                yield _Row(candidate.name, probe.probe, "(all)", probe.error, None)
            for diff in probe.diffs:
                yield _Row(candidate.name, probe.probe, diff.output, diff.reason, diff.statistics)


def _table(report: Report, candidate: CandidateResult) -> list[str]:
    """Per output its worst probe, then every failure with its reason."""
    rows = [row for row in _rows(report) if row.candidate == candidate.name]
    lines = [f"  {'output':<18}{'worst probe':<18}{'max abs':>9}{'mean abs':>10}{'SQNR dB':>9}{'cosine':>10}"]
    outputs = dict.fromkeys(row.output for row in rows)
    worst = [max((row for row in rows if row.output == name), key=lambda row: row.max_abs) for name in outputs]
    for row in sorted(worst, key=lambda row: -row.max_abs):
        if row.statistics is None:
            lines.append(f"  {row.output:<18}{row.probe:<18}{'FAILED' if row.reason else 'not judged':>9}")
            continue
        s = row.statistics
        failed = any(other.reason for other in rows if other.output == row.output)
        lines.append(
            f"  {row.output:<18}{row.probe:<18}{s.max_abs:>9.1e}{s.mean_abs:>10.1e}{s.sqnr_db:>9.1f}"
            f"{s.worst_row_cosine:>10.6f}  {'FAILED' if failed else 'ok'}"
        )
    failures = sorted((row for row in rows if row.reason), key=lambda row: -row.max_abs)
    lines += [f"  - {row.output} on '{row.probe}': {row.reason}" for row in failures[:8]]
    if len(failures) > 8:
        lines.append(f"  - and {len(failures) - 8} more, all of them with --json")
    return lines


def _advice(report: Report) -> str:
    """What to look at first, judged from which outputs and probes fail."""
    failed = [row for row in _rows(report) if row.reason]
    if any(row.probe and row.output == "(all)" for row in failed):
        return "next: the candidate did not run on a valid input; see its error above"
    if any(row.statistics is None for row in failed):
        return "next: names, shapes or types differ; compare the artefacts' signatures and --task"
    if {row.probe for row in failed} <= {"a row of padding", "left padding", "mask with holes", "mixed"}:
        return "next: only padded inputs differ; look at the mask, or judge tokens alone with --positions unmasked"
    return "next: every input differs; compare activation, num_attention_heads and the tensors (--inspect)"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
