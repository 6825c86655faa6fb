"""Progress of work in several parts, each of which counts its own steps."""

from bertferry.core.progress import ProgressCallback


def continue_after(steps: int, progress: ProgressCallback) -> ProgressCallback:
    """Continues counting after the steps already done."""
    return lambda what, done, total: progress(what, steps + done, steps + total)


def no_progress(what: str, done: int, total: int) -> None:
    """Discards progress."""
