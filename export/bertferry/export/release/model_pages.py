"""Writes the pages of a released model: its facts, and the comparison of each part."""

from html import escape
from pathlib import Path

from bertferry.convert.report import in_units
from bertferry.export.publish.report import Part, PublishReport
from bertferry.verify import Report
from bertferry.verify.html import STYLE, html_report

PAGES = "reports"
INDEX = f"{PAGES}/index.html"


def write_pages(staging: Path, name: str, report: PublishReport) -> None:
    """Writes `reports/index.html` and a page a compared part."""
    (staging / PAGES).mkdir()
    for part in report.parts:
        if part.parity is not None:
            page = html_report(Report.from_dict(part.parity, part.path))
            (staging / PAGES / _page(part)).write_text(page, encoding="utf-8")
    (staging / INDEX).write_text(_index(name, report), encoding="utf-8")


def _page(part: Part) -> str:
    return f"{part.path.replace('/', '-')}.html"


def _index(name: str, report: PublishReport) -> str:
    config = report.configuration
    facts = {
        "source": f"{report.source} ({report.source_layout})",
        "task": report.task,
        "parameters": f"{report.conversion['parameters']:,}",
        "layers, hidden size": f"{config['num_hidden_layers']}, {config['hidden_size']}",
        "size": in_units(report.total_bytes),
    }
    rows = "".join(f"<tr><th>{key}</th><td>{escape(value)}</td></tr>" for key, value in facts.items())
    parts = "".join(
        f'<tr><td><a href="../{escape(part.path)}">{escape(part.path)}</a></td>'
        f"<td class=number>{in_units(part.total_bytes)}</td><td class=text>{_linked(part)}</td></tr>"
        for part in report.parts
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(name)}</title><style>{STYLE}</style></head>
<body><h1>{escape(name)}</h1>
<div class=scroll><table>{rows}
</table></div>
<h2>Parts</h2>
<div class=scroll><table><tr><th>part</th><th class=number>size</th><th>compared with the source</th></tr>{parts}
</table></div>
{f"<h2>Notes</h2><ul>{notes}</ul>" if notes else ""}
</body></html>
"""


def _linked(part: Part) -> str:
    """The verdict, with a link to the whole comparison."""
    if part.parity is None:
        return escape(part.verdict)
    return f'<a href="{escape(_page(part))}">{escape(part.verdict)}</a>'
