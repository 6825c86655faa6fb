"""Progress of work that has several parts, each of which counts its own steps."""

from bertferry.core.progress import ProgressCallback


def after(steps: int, progress: ProgressCallback) -> ProgressCallback:
    """Counts on from steps that are done."""
    return lambda what, done, total: progress(what, steps + done, steps + total)


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody asked for."""
