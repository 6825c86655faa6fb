"""The report of a family for people: Markdown, and a page that sorts and filters."""

from collections import Counter
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from string import Template

from bertferry.convert.report import in_units
from bertferry.export.release.report import ReleaseReport, Row

COLUMNS = {
    "model": "name",
    "state": "state",
    "error": "error",
    "layout": "layout",
    "task": "task",
    "parameters": "parameters",
    "size": "total_bytes",
    "largest difference": "difference",
    "seconds": "seconds",
    "processor, s": "processor",
    "memory": "memory",
    "attempts": "attempts",
}
"""The titles of the columns, and the fields they show."""
ROWS = "<!-- rows -->"
NUMBERS = ("parameters", "total_bytes", "difference", "seconds", "processor", "memory", "attempts")


def markdown_pieces(report: ReleaseReport) -> Iterator[str]:
    """The report as Markdown, a row at a time: the counts and a table."""
    lines = [f"# {report.manifest}", "", _counts(report), ""]
    lines += [f"- {note}" for note in report.notes] + [""] * bool(report.notes)
    lines += [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    yield from (f"{line}\n" for line in lines)
    for row in report.models:
        cells = [_shown(row, name).replace("|", "\\|") for name in COLUMNS.values()]
        if row.part:
            cells[list(COLUMNS.values()).index("difference")] += f" ({_where(row)})"
        if row.page:
            cells[0] = f"[{cells[0]}]({row.page})"
        yield f"| {' | '.join(cells)} |\n"


def html_pieces(report: ReleaseReport) -> Iterator[str]:
    """The report as one page without other files: columns sort, a field filters, failures come first."""
    template = Template((files(__package__) / "page.html").read_text(encoding="utf-8"))
    states = Counter(row.state for row in report.models)
    head = "".join(
        f'<th scope="col" class="{_kind(name)}"><button type="button">{title}</button></th>'
        for title, name in COLUMNS.items()
    )
    choices = "".join(f'<option value="{state}">{state} ({count})</option>' for state, count in states.items())
    head, _, tail = template.substitute(
        title=escape(report.manifest),
        counts=escape(_counts(report)),
        notes="".join(f"<p>{escape(note)}</p>" for note in report.notes),
        head=head,
        choices=choices,
        rows=ROWS,
    ).partition(ROWS)
    yield head
    yield from (f"{_html_row(row)}\n" for row in report.models)
    yield tail


def _counts(report: ReleaseReport) -> str:
    states = Counter(row.state for row in report.models)
    total = sum(row.total_bytes or 0 for row in report.models)
    counted = ", ".join(f"{count} {state}" for state, count in states.items())
    return f"{len(report.models)} models: {counted}; {in_units(total)}"


def _html_row(row: Row) -> str:
    cells = []
    for title, name in COLUMNS.items():
        text = escape(_shown(row, name))
        if name == "name":
            link = f'<a href="{escape(row.page)}">{text}</a>' if row.page else text
            cells.append(f'<th scope="row">{link}</th>')
            continue
        value = getattr(row, name)
        key = f' data-key="{value}"' if name in NUMBERS and value is not None else ""
        empty = "" if text else " empty"
        where = f"<small>{escape(_where(row))}</small>" if name == "difference" and row.part else ""
        cells.append(f'<td class="{_kind(name)}{empty}" data-title="{title}"{key}>{text}{where}</td>')
    return f'<tr class="{row.state}">{"".join(cells)}</tr>'


def _kind(name: str) -> str:
    return "number" if name in NUMBERS else "text"


def _where(row: Row) -> str:
    """The output that differs most, and the part that has it."""
    return f"{row.output}, {row.part}"


def _shown(row: Row, name: str) -> str:
    """A field as people read it."""
    value = getattr(row, name)
    if value is None:
        return ""
    if name in ("total_bytes", "memory"):
        return in_units(value)
    if name == "parameters":
        return f"{value:,}"
    if name == "difference":
        return f"{value:.1e}"
    return f"{value:.1f}" if name in ("seconds", "processor") else str(value)


def text_table(report: ReleaseReport) -> str:
    """The rows of a dry run for a terminal."""
    shown = ("name", "state", "layout", "task", "parameters", "memory", "input")
    rows = [shown, *(tuple(_shown(row, name) for name in shown) for row in report.models)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
