"""How long-running work reports its progress."""

from collections.abc import Callable

ProgressCallback = Callable[[str, float, float], None]
"""Called with what is being done now, how much is done, and how much there is to do.

A conversion counts bytes, a comparison probes, and an export its steps, of which one may be done in part.
"""


def no_progress(what: str, done: float, total: float) -> None:
    """Discards progress."""


def continue_after(steps: int, progress: ProgressCallback) -> ProgressCallback:
    """Counts work that follows some steps as one more step, and its own steps as shares of it."""
    return lambda what, done, total: progress(what, steps + done / max(total, 1), steps + 1)


def part_of(progress: ProgressCallback, part: str, number: int, count: int) -> ProgressCallback:
    """Counts parts of work, each as one: the steps of a part are shares of it."""
    return lambda what, done, total: progress(f"{part}: {what}", number + done / max(total, 1), count)
