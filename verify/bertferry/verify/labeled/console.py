"""The scores on labeled texts, for the terminal."""

from collections.abc import Iterator

from bertferry.verify.labeled.result import TaskResult, describe_changes


def task_lines(result: TaskResult) -> Iterator[str]:
    """A table of the scores, then which decisions change."""
    if result.fault:
        yield f"{result.what}: {result.fault}"
        return
    wide = max(len(score.name) for score in result.scores) + 2
    scope = f"on {result.count} labeled {result.what}"
    wide = max(wide, len(scope) + 2)
    yield f"{scope:<{wide}}{'reference':>10}{'candidate':>10}{'change':>9}"
    for score in result.scores:
        yield (
            f"{score.name:<{wide}}{score.reference:>10.4f}{score.candidate:>10.4f}{score.change:>+9.4f}"
            f"{'  FAILED' if score.reason else ''}"
        )
    if result.left_out:
        yield f"{result.left_out} further {result.what} are left out: texts are cut"
    if result.confidence:
        yield describe_changes(result)
    if result.changed:
        yield f"  {'confidence of the reference':<28}{'decisions':>9}{'changed':>9}{'lost':>6}{'gained':>8}"
        for one in result.confidence:
            between = f"{one.least:g} to {one.below:g}"
            yield f"  {between:<28}{one.decisions:>9}{one.changed:>9}{one.lost:>6}{one.gained:>8}"
