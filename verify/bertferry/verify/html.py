"""A report as a self-contained HTML page: tables, histograms of the differences, drift by layer."""

import math
from collections.abc import Iterable
from html import escape

from bertferry.verify.labeled.page import task_section
from bertferry.verify.localization import Drift
from bertferry.verify.report import CandidateResult, ProbeResult, Report
from bertferry.verify.statistics import GREATEST_EXPONENT, LEAST_EXPONENT, Statistics

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --quiet: #60646c; --line: #d9dce1; --page: #fff; --card: #f7f8fa;
  --good: #1a7f4b; --bad: #c0322b; --one: #3662d9; --two: #c2410c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --quiet: #a2a8b0; --line: #3a3f47; --page: #15181c;
  --card: #1e2228; --good: #4cc38a; --bad: #ff7b72; --one: #8aa9ff; --two: #ffab70; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
.verdict { padding: .75rem 1rem; border-left: .35rem solid; background: var(--card); }
.ok { color: var(--good); } .failed { color: var(--bad); } .quiet { color: var(--quiet); }
.verdict.ok, .verdict.failed { border-color: currentColor; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem .25rem 0; text-align: left; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
td.number, th.number { text-align: right; } td.text { white-space: normal; } td.text.ok { white-space: nowrap; }
td.text.failed { min-width: 16rem; } .wide { overflow-x: auto; } .wide svg { min-width: 34rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1rem; }
figure { margin: 0; padding: .75rem; background: var(--card); } svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--quiet); font: 11px system-ui, sans-serif; } .axis { stroke: var(--line); }
.bar { fill: var(--one); } .cumulative { stroke: var(--one); } .local { stroke: var(--two); }
polyline { fill: none; stroke-width: 2; } .key-one { color: var(--one); } .key-two { color: var(--two); }
"""
TITLES = {"ok": "agree", "failed": "disagree", "quiet": "not judged"}
MARKS = {"ok": "agrees", "failed": "disagrees", "quiet": "not judged"}
"""Of states, as `_state` gives them."""
COLUMNS = ("output", "probe", "max abs", "mean abs", "99 %", "SQNR, dB", "cosine", "ULP 99 %", "needed atol", "")


def html_report(report: Report) -> str:
    """Renders the report as an HTML page."""
    state = _state(ok=report.ok, judged=report.judged)
    body = [
        "<h1>Parity report</h1>",
        f'<p class="verdict {state}">{escape(report.verdict())}</p>',
        f"<p>Reference: {escape(report.reference)} <span class=quiet>[{escape(report.runs_on)}]</span></p>",
        *(f"<p>{escape(note)}</p>" for note in report.notes),
        *(part for candidate in report.candidates for part in _candidate(report, candidate)),
        "<h2>Criteria</h2>",
        _facts(_judgment(report)),
    ]
    if report.configuration:
        body += ["<h2>Configuration</h2>", _facts(report.configuration.items())]
    body += ["<h2>Environment</h2>", _facts(report.environment.items())]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Parity: {TITLES[state]}</title><style>{STYLE}</style></head>\n<body>"
        + "\n".join(body)
        + "</body></html>\n"
    )


def _judgment(report: Report) -> list[tuple[str, object]]:
    tolerance = report.tolerance
    coverage = "unknown" if report.coverage is None else f"{report.coverage:.1%} of the token embedding table"
    facts: list[tuple[str, object]] = [
        ("tolerance", f"{tolerance.name}: atol {tolerance.atol:g}, rtol {tolerance.rtol:g}"),
        ("minimum SQNR, dB", tolerance.min_sqnr_db),
        ("minimum cosine", tolerance.min_cosine),
        ("minimum cosine of a text", tolerance.min_text_cosine),
        ("minimum rank correlation", tolerance.min_rank_correlation),
        ("largest loss of a score", tolerance.max_loss),
        *(
            (f"tolerance of {name}", f"atol {override.atol:g}, rtol {override.rtol:g}")
            for name, override in report.overrides.items()
        ),
        ("task", report.task),
        ("positions", report.positions),
        ("all-padding rows judged", report.judge_padding),
        ("seed", report.seed),
        ("inputs use", coverage),
    ]
    return [(name, value) for name, value in facts if value is not None]


def _facts(facts: Iterable[tuple[str, object]]) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in facts)
    return f"<div class=scroll><table>{rows}</table></div>"


def _state(*, ok: bool, judged: bool) -> str:
    """The style of a result: one that nothing judges is neither good nor bad."""
    return "failed" if not ok else "ok" if judged else "quiet"


def _candidate(report: Report, candidate: CandidateResult) -> list[str]:
    state = _state(ok=candidate.ok, judged=report.judged)
    mark = MARKS[state]
    head = f"{escape(candidate.name)} <span class=quiet>[{escape(candidate.runs_on)}]</span>"
    parts = [f"<h2>{head} <span class={state}>{mark}</span></h2>", _table(candidate, judged=report.judges_outputs)]
    if candidate.task_result:
        parts += task_section(candidate.task_result)
    if candidate.metrics:
        parts += [
            "<h3>Decisions and similarities</h3>",
            _facts((metric.name, metric.text) for metric in candidate.metrics),
        ]
    if candidate.faults:
        parts += ["<h3>Other faults</h3>", _facts(("", fault) for fault in candidate.faults)]
    if plots := _plots(candidate):
        parts += ["<h3>Differences, all probes</h3>", f'<div class="plots">{plots}</div>']
    if worst := _worst_positions(candidate):
        parts += ["<h3>Worst positions</h3>", worst]
    if candidate.drift:
        parts += ["<h3>Drift</h3>", _drift(candidate.drift)]
    if candidate.tensors:
        parts += ["<h3>Tensors that differ</h3>", _facts(("", line) for line in candidate.tensors)]
    return parts


def _table(candidate: CandidateResult, *, judged: bool) -> str:
    numeric = ("", "", *[" class=number"] * 7, "")
    head = "".join(f"<th{kind}>{name}</th>" for name, kind in zip(COLUMNS, numeric, strict=True))
    rows = "".join(_rows(probe, judged=judged) for probe in candidate.probes)
    return f"<div class=scroll><table><tr>{head}</tr>{rows}</table></div>"


def _rows(probe: ProbeResult, *, judged: bool) -> str:
    name = escape(probe.probe)
    if probe.error:
        return (
            f'<tr><td>(all)</td><td>{name}</td><td colspan=8 class="text failed">{escape(probe.error)}</td></tr>'
        )
    return "".join(
        f"<tr><td>{escape(diff.output)}</td><td>{name}</td>{_figures(diff.statistics)}"
        f'<td class="text {_state(ok=diff.ok, judged=judged)}">'
        f"{escape(diff.reason) or ('ok' if judged else 'not judged')}</td></tr>"
        for diff in probe.diffs
    )


def _figures(statistics: Statistics | None) -> str:
    if statistics is None:
        return "<td colspan=7></td>"
    s = statistics
    ulp = "" if s.ulp_p99 is None else f"{s.ulp_p99:.0f}"
    values = (
        f"{s.max_abs:.1e}",
        f"{s.mean_abs:.1e}",
        f"{s.percentiles['99']:.1e}",
        f"{s.sqnr_db:.1f}",
        f"{s.worst_row_cosine:.6f}",
        ulp,
        f"{s.needed_atol:.1e}",
    )
    return "".join(f"<td class=number>{value}</td>" for value in values)


def _statistics(candidate: CandidateResult) -> dict[str, list[tuple[str, Statistics]]]:
    """Probe and statistics of every comparison, by output."""
    by_output: dict[str, list[tuple[str, Statistics]]] = {}
    for probe in candidate.probes:
        for diff in probe.diffs:
            if diff.statistics:
                by_output.setdefault(diff.output, []).append((probe.probe, diff.statistics))
    return by_output


def _plots(candidate: CandidateResult) -> str:
    plots = []
    for output, measured in _statistics(candidate).items():
        counts = [sum(column) for column in zip(*(s.histogram for _, s in measured), strict=True)]
        plots.append(f"<figure>{_histogram(counts)}<figcaption>{escape(output)}</figcaption></figure>")
    return "".join(plots)


def _histogram(counts: list[int]) -> str:
    """One bar per decade, on a logarithmic scale."""
    width, height, most = 26, 110, math.log10(max(counts) + 1) or 1.0
    labels = ["0", *(f"1e{exponent}" for exponent in range(LEAST_EXPONENT, GREATEST_EXPONENT + 1))]
    shapes = []
    for place, (count, label) in enumerate(zip(counts, labels, strict=True)):
        tall = height * math.log10(count + 1) / most
        shapes.append(
            f'<rect class=bar x="{place * width + 2}" y="{height - tall:.1f}" width="{width - 4}" '
            f'height="{tall:.1f}"><title>{count} from {label}</title></rect>'
        )
        if place % 3 == 1 or place == 0:
            shapes.append(f'<text x="{place * width + 2}" y="{height + 14}">{label}</text>')
    whole = width * len(counts)
    axis = f'<line class=axis x1="0" x2="{whole}" y1="{height}" y2="{height}" />'
    return f'<svg viewBox="0 0 {whole} {height + 18}" role="img">{axis}{"".join(shapes)}</svg>'


def _worst_positions(candidate: CandidateResult) -> str:
    """The worst positions of each output, on its worst probe."""
    rows = []
    for output, measured in _statistics(candidate).items():
        probe, s = max(measured, key=lambda pair: pair[1].max_abs)
        rows += [
            f"<tr><td>{escape(output)}</td><td>{escape(probe)}</td><td>{list(index)}</td>"
            f"<td class=number>{want:.7g}</td><td class=number>{got:.7g}</td>"
            f"<td class=number>{abs(got - want):.1e}</td></tr>"
            for index, want, got in s.worst
        ]
    head = "<tr><th>output</th><th>probe</th><th>index</th>" + "".join(
        f"<th class=number>{name}</th>" for name in ("reference", "candidate", "difference")
    )
    return f"<div class=scroll><table>{head}</tr>{''.join(rows)}</table></div>" if rows else ""


def _drift(drift: Drift) -> str:
    if drift.note:
        return f"<p>{escape(drift.note)}</p>"
    rows = "".join(
        f"<tr><td>{escape(at.point)}</td><td class=number>{at.cumulative:.1e}</td>"
        f"<td class=number>{at.local:.1e}</td><td class=failed>{'first' * (at.point == drift.culprit)}</td></tr>"
        for at in drift.points
    )
    head = "<tr><th>point</th><th class=number>cumulative</th><th class=number>local</th><th></th></tr>"
    return (
        f"<p>On ‘{escape(drift.probe)}’: {escape(drift.describe())}. |candidate − reference| / |reference|, "
        "<span class=key-one>from the inputs on</span> and <span class=key-two>in the last step alone</span>:</p>"
        f"<figure class=wide>{_lines(drift)}</figure><div class=scroll><table>{head}{rows}</table></div>"
    )


def _lines(drift: Drift) -> str:
    """Plots both errors over the points, on a logarithmic scale from 1e-9 to 10."""
    lowest, highest, height, left = -9.0, 1.0, 160, 36
    step = max(8.0, 640 / max(1, len(drift.points)))
    whole = left + step * len(drift.points)

    def y(value: float) -> float:
        exponent = math.log10(value) if 0 < value < math.inf else (highest if value else lowest)
        return height * (highest - min(max(exponent, lowest), highest)) / (highest - lowest)

    shapes = []
    for exponent in range(-8, 2, 2):
        place = y(10.0**exponent)
        shapes.append(f'<line class=axis x1="{left}" x2="{whole:.0f}" y1="{place:.1f}" y2="{place:.1f}" />')
        shapes.append(f'<text x="0" y="{place + 4:.1f}">1e{exponent}</text>')
    for error in ("cumulative", "local"):
        places = " ".join(
            f"{left + step * (number + 0.5):.1f},{y(getattr(at, error)):.1f}"
            for number, at in enumerate(drift.points)
        )
        shapes.append(f'<polyline class={error} points="{places}" />')
    return f'<svg viewBox="0 0 {whole:.0f} {height + 8}" role="img">{"".join(shapes)}</svg>'
