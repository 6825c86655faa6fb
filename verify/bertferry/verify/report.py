"""The outcome of a comparison, and its verdict."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bertferry.core.results import Result, Schema
from bertferry.core.tasks import GRAPH_TASKS
from bertferry.verify.comparison import OutputDiff
from bertferry.verify.labeled.result import TaskResult
from bertferry.verify.localization import Drift
from bertferry.verify.metrics import Metric
from bertferry.verify.statistics import Statistics
from bertferry.verify.tolerance import Tolerance


@dataclass(frozen=True)
class ProbeResult:
    """One candidate on one probe: a diff per output, or the error it raised; `padded` is true if any position of
    the probe is masked."""

    probe: str
    diffs: tuple[OutputDiff, ...] = ()
    error: str = ""
    padded: bool = False

    @property
    def ok(self) -> bool:
        """Whether it ran and every output agrees."""
        return not self.error and all(diff.ok for diff in self.diffs)


@dataclass(frozen=True)
class CandidateResult:
    """One candidate on every probe.

    `faults` are reasons to disagree other than the outputs: a different vocabulary, a regression; `tensors` lists
    how the parameters of two checkpoints differ, largest difference first, which alone is no disagreement;
    `task_result` are the scores on labeled texts.
    """

    name: str
    probes: tuple[ProbeResult, ...]
    runs_on: str = ""
    metrics: tuple[Metric, ...] = ()
    faults: tuple[str, ...] = ()
    drift: Drift | None = None
    tensors: tuple[str, ...] = ()
    task_result: TaskResult | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Reasons to disagree other than outputs that differ."""
        of_metrics = (metric.reason for metric in self.metrics if metric.reason)
        return (*self.faults, *of_metrics, *(self.task_result.reasons if self.task_result else ()))

    @property
    def ok(self) -> bool:
        """Whether every probe agrees, something was compared, and nothing else disagrees."""
        compared = any(diff.statistics or diff.exact for probe in self.probes for diff in probe.diffs)
        agrees = compared and all(probe.ok for probe in self.probes)
        return agrees and not self.reasons


@dataclass(frozen=True)
class Report(Result):
    """A reference against its candidates. `coverage` is the used share of the token embedding table, if known;
    `notes` say what was left out of the comparison on request."""

    SCHEMA = Schema.PARITY

    reference: str
    candidates: tuple[CandidateResult, ...]
    tolerance: Tolerance
    task: str
    positions: str
    judge_padding: str
    seed: int
    coverage: float | None
    overrides: Mapping[str, Tolerance] = field(default_factory=dict)
    runs_on: str = ""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.task not in GRAPH_TASKS:
            raise ValueError(f"task is {self.task!r}: expected one of {', '.join(GRAPH_TASKS)}")
        if not self.candidates:
            raise ValueError("candidates is empty")

    @property
    def ok(self) -> bool:
        """Whether every candidate agrees."""
        return all(candidate.ok for candidate in self.candidates)

    @property
    def judged(self) -> bool:
        """Whether any difference would have been too large; otherwise nothing but structure is judged."""
        return any(tolerance.judges for tolerance in (self.tolerance, *self.overrides.values()))

    @property
    def judges_outputs(self) -> bool:
        """Whether any difference between outputs would have been too large."""
        return any(tolerance.judges_outputs for tolerance in (self.tolerance, *self.overrides.values()))

    def derived(self) -> dict[str, Any]:
        """The verdict."""
        return {"ok": self.ok, "judged": self.judged, "verdict": self.verdict()}

    def with_faults(self, faults: Mapping[str, tuple[str, ...]]) -> "Report":
        """The report with more reasons to disagree, by candidate name."""
        candidates = tuple(
            replace(candidate, faults=(*candidate.faults, *faults.get(candidate.name, ())))
            for candidate in self.candidates
        )
        return replace(self, candidates=candidates)

    def verdict(self) -> str:
        """One line: agreement with the largest difference, what was measured if nothing is judged, or the worst
        disagreement."""
        rows = list(rows_of(self))
        allowed = self.tolerance.describe()
        if self.ok:
            return self._agreement(rows, allowed)
        failed = [row for row in rows if row.reason]
        if not failed:
            reasons = [f"{one.name}: {reason}" for one in self.candidates for reason in one.reasons]
            return f"DISAGREE: {reasons[0]}" if reasons else "DISAGREE: nothing was compared"
        worst = max(failed, key=lambda row: row.max_abs)
        where = f"{worst.candidate}: {worst.output} on probe '{worst.probe}'"
        faults = [fault for one in self.candidates if one.name == worst.candidate for fault in one.faults]
        why = "; ".join([worst.reason, *faults[-1:]])
        return f"DISAGREE in {len(failed)} of {len(rows)} comparisons under {allowed}: {where}: {why}"

    def _agreement(self, rows: Sequence["Row"], allowed: str) -> str:
        probes = len(self.candidates[0].probes)
        scope = f"on {probes} probe{'s' * (probes != 1)}{' (restricted: see notes)' * bool(self.notes)}"
        worst = max((row for row in rows if row.statistics), key=lambda row: row.max_abs, default=None)
        largest = f"; largest difference {worst.max_abs:.1e} in {worst.output}" if worst else ""
        if not self.judged:
            noisiest = min((row.statistics.sqnr_db for row in rows if row.statistics), default=math.inf)
            measured = "".join((largest, self._similarities(), f"; minimum SQNR {noisiest:.1f} dB"))
            return f"NOT JUDGED {scope}; measured: {measured.removeprefix('; ')}"
        by_value = math.isfinite(self.tolerance.atol)
        measured = "" if by_value else self._similarities()
        scores = [one.task_result.describe() for one in self.candidates if one.task_result]
        judged = f"; {scores[0]}" if self.tolerance.max_loss is not None and len(scores) == 1 else ""
        return f"AGREE {scope} within {allowed}{judged}{largest}{measured}"

    def _similarities(self) -> str:
        """The least similarities of texts' vectors, as far as they count."""
        least: dict[str, float] = {}
        for metric in (metric for candidate in self.candidates for metric in candidate.metrics if metric.judged):
            what = metric.text.rpartition(" ")[0]
            least[what] = min(metric.value, least.get(what, math.inf))
        return "".join(f"; {what} {value:.4f}" for what, value in least.items())


@dataclass(frozen=True)
class Row:
    """One comparison of a report: an output of a candidate on a probe."""

    candidate: str
    probe: str
    output: str
    diff: OutputDiff

    @property
    def reason(self) -> str:
        """The first failing check, '' if all pass."""
        return self.diff.reason

    @property
    def statistics(self) -> Statistics | None:
        """The differences, if the values could be compared."""
        return self.diff.statistics

    @property
    def max_abs(self) -> float:
        """The largest difference; infinite if values could not be compared."""
        if self.statistics:
            return self.statistics.max_abs
        return math.inf if self.reason else 0.0


def rows_of(report: Report) -> Iterator[Row]:
    """Yields every comparison; a candidate that fails on a probe counts as one."""
    for candidate in report.candidates:
        for probe in candidate.probes:
            if probe.error:
                yield Row(candidate.name, probe.probe, "(all)", OutputDiff("(all)", probe.error))
            for diff in probe.diffs:
                yield Row(candidate.name, probe.probe, diff.output, diff)
