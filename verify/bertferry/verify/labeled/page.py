"""The scores on labeled texts, for the HTML page."""

from collections.abc import Iterable
from html import escape

from bertferry.verify.labeled.result import TaskResult, describe_changes


def task_section(result: TaskResult) -> list[str]:
    """Tables of the scores, and of the decisions that change by the reference's confidence."""
    parts = [f"<h3>On {result.count} labeled {escape(result.what)}</h3>"]
    if result.fault:
        return [*parts, f'<p class="failed">{escape(result.fault)}</p>']
    scores = (
        (
            escape(score.name),
            f"{score.reference:.4f}",
            f"{score.candidate:.4f}",
            f"{score.change:+.4f}",
            f'<span class="failed">{escape(score.reason)}</span>' if score.reason else "",
        )
        for score in result.scores
    )
    parts.append(_table(("", "reference", "candidate", "change", ""), scores))
    if result.left_out:
        parts.append(f"<p>{result.left_out} further {escape(result.what)} are left out: texts are cut.</p>")
    if not result.confidence:
        return parts
    bins = (
        (
            f"{one.least:g} to {one.below:g}",
            *(str(count) for count in (one.decisions, one.changed, one.lost, one.gained)),
        )
        for one in result.confidence
    )
    head = ("confidence of the reference", "decisions", "changed", "lost", "gained")
    return [*parts, f"<p>{escape(describe_changes(result))}</p>", _table(head, bins)]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table whose first column is text; cells are HTML."""
    lines = [("th", head), *(("td", row) for row in rows)]
    cells = (
        "".join(f"<{tag}{' class=number' * bool(place)}>{cell}</{tag}>" for place, cell in enumerate(row))
        for tag, row in lines
    )
    return "<div class=scroll><table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table></div>"
