"""Progress of work in several parts, each of which counts its own steps."""

from bertferry.verify.side_by_side import Progress


def continue_after(steps: int, progress: Progress) -> Progress:
    """Continues counting after the steps already done."""
    return lambda what, done, total: progress(what, steps + done, steps + total)


def no_progress(what: str, done: int, total: int) -> None:
    """Discards progress."""
