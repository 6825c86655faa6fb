"""The results as tables, and how they get into the documents."""

import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from device_rows import LATENCIES, MODELS, NOT_MEASURED, ROWS, SHAPES, Row, line, unmeasured
from wheels import WheelsError

CALIBRATION = (
    "profile",
    "candidate",
    "needed atol",
    "minimum SQNR, dB",
    "minimum cosine",
    "rank correlation",
    "local noise",
)
LATENCY = ("latency, ms", *map(str, SHAPES))
PAGES = {"calibration": "docs/calibration.md", "latency": "docs/benchmarks.md"}
MADE = "Rows of a GPU: "
"""The beginning of the line of each page that says on what its rows of a GPU were measured."""


def rows_of(part: str) -> Sequence[Row]:
    """The rows of a table."""
    return ROWS if part == "calibration" else LATENCIES


def cells_of(results: Mapping[str, Any], part: str, model: str) -> dict[Row, str]:
    """The cells of every row of a table that was asked for: figures, or `not measured` with the reason."""
    found: dict[Row, str] = {}
    for row in rows_of(part) if model in results["models"] else ():
        entries = [entry for entry in results["rows"] if entry["part"] == part and entry["engine"] == row.engine]
        own = [entry for entry in entries if entry.get("row") == row.name("") and entry["model"] == model]
        whole = [entry["reason"] for entry in entries if "row" not in entry and entry.get("model", model) == model]
        if own and "reason" not in own[0]:
            found[row] = own[0]["cells"] if part == "calibration" else latencies(own[0]["ms"])
        elif entries:
            reasons = [own[0]["reason"]] if own else whole
            found[row] = unmeasured(part, reasons[0] if reasons else "")
    return found


def latencies(times: Mapping[str, Sequence[float]]) -> str:
    """The cells of a row of latencies: the median and the range for each shape."""
    cells = []
    for rows, length in SHAPES:
        taken = times.get(f"{rows}x{length}")
        cells.append(f"{statistics.median(taken):.2f} ({min(taken):.2f}-{max(taken):.2f})" if taken else "")
    return " | ".join(cells)


def render(results: Mapping[str, Any]) -> str:
    """All tables as Markdown."""
    lines = [f"{MADE if results['device'] == 'gpu' else 'Rows of the CPU: '}{made(results)}"]
    for part, columns in (("calibration", CALIBRATION), ("latency", LATENCY)):
        for model, title in MODELS.items():
            if found := cells_of(results, part, model):
                lines += ["", f"## {title}: {part}", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
                lines += [
                    line(row, part, results["device"], cells, profile_of(results, row))
                    for row, cells in found.items()
                ]
    return "\n".join(lines) + "\n"


def profile_of(results: Mapping[str, Any], row: Row) -> str:
    """The profile that a row was judged by; '' if it was not measured."""
    named = (entry for entry in results["rows"] if entry.get("row") == row.name(""))
    return next((str(entry["profile"]) for entry in named if "profile" in entry), "")


def made(results: Mapping[str, Any]) -> str:
    """On what, when and with which packages something was measured."""
    versions = {name: version for group in results["environments"].values() for name, version in group.items()}
    listed = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return f"{results['described']} ({results['made']}; {listed or 'no packages'})."


def fill(root: Path, results: Mapping[str, Any]) -> list[str]:
    """Fills the rows of a GPU in the documents; returns a line for each page that changed.

    Raises:
      WheelsError: the results are not of a GPU, or a page has no such row; nothing is written then.
    """
    if results.get("device") != "gpu":
        raise WheelsError("the results are of the CPU: the tables are for GPUs")
    texts, counts = {}, {}
    for part, page in PAGES.items():
        text, counts[page] = (root / page).read_text(), 0
        for model, title in MODELS.items():
            for row, cells in cells_of(results, part, model).items():
                if model in ("minilm", "base") and (part, model) != ("latency", "minilm"):
                    text = replace_row(text, title, part, row, cells, page)
                    counts[page] += 1
        if counts[page]:
            text = re.sub(rf"(?m)^{re.escape(MADE)}.*$", lambda _: MADE + made(results), text)
        texts[page] = text
    for page, text in texts.items():
        (root / page).write_text(text)
    return [f"{page}: {count} rows" for page, count in counts.items() if count]


def replace_row(text: str, title: str, part: str, row: Row, cells: str, page: str) -> str:
    """The text with the cells of one row, in the section of its model."""
    start = text.find("\n## On a GPU\n" if part == "latency" else f"\n## {title}\n")
    end = text.find("\n## ", start + 1) if start >= 0 else -1
    section = text[start : end if end >= 0 else len(text)]
    pattern = re.compile(rf"^(\| `[\w-]+` )?\| {re.escape(row.name('gpu'))} \|.*$", re.MULTILINE)
    if start < 0 or len(pattern.findall(section)) != 1:
        raise WheelsError(f"{page}: no row {row.name('gpu')!r} in {title!r}: print the page again")
    if NOT_MEASURED in cells and NOT_MEASURED not in pattern.search(section)[0]:
        return text  # what was measured before stays
    filled = pattern.sub(lambda _: line(row, part, "gpu", cells), section)
    return text[:start] + filled + text[start + len(section) :]
