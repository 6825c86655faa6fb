"""Which model is released when: admission by memory, repetition after a death. The same for every engine."""

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from bertferry.export.release.model import Model
from bertferry.export.release.unit import Outcome

ATTEMPTS = 3
"""How often a model is begun whose process dies."""


@dataclass(frozen=True, slots=True)
class Task:
    """A model to release: the bytes of memory that this needs, what is to become of what seems to be the same, of
    `MODES`, and how many processes have died of it."""

    model: Model
    need: int
    mode: str = "keep"
    deaths: int = 0

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 1."""
        return self.deaths + 1


class Pool(Protocol):
    """Processes that release models, here or elsewhere."""

    capacity: int
    """How many tasks it takes at once."""
    measures_memory: bool
    """Whether it cares itself for what memory there is."""
    measures_time: bool
    """Whether it ends tasks that take too long itself: it alone knows when they really began."""

    def submit(self, task: Task) -> None:
        """Begins a task."""

    def poll(self, seconds: float) -> Iterable[tuple[Task, Outcome]]:
        """The tasks that ended, after waiting for one at most so long."""

    def kill(self, task: Task) -> None:
        """Ends the process of a task at once; `poll` does not return it."""

    def close(self) -> None:
        """Ends all processes."""


class Schedule:
    """Gives tasks to a pool, the largest first, together within a budget of memory.

    A task whose process dies is repeated when nothing else is left to do: alone, with twice the memory.
    """

    def __init__(self, pool: Pool, budget: int, timeout: float | None = None) -> None:
        self._pool, self._budget = pool, budget
        self._timeout = None if pool.measures_time else timeout
        self._waiting: list[Task] = []
        self._again: list[Task] = []
        self._running: dict[Task, float] = {}

    def run(self, tasks: Iterable[Task], ended: Callable[[Task, Outcome], bool]) -> None:
        """Runs tasks until all have ended, or `ended`, which is called with each, returns false."""
        self._waiting = sorted(tasks, key=_need)
        while self._waiting or self._again or self._running:
            while (task := self._next()) is not None:
                self._running[task] = time.monotonic()
                self._pool.submit(task)
            for task, outcome in (*self._pool.poll(self._patience()), *self._overdue()):
                del self._running[task]
                if outcome.state == "died" and task.attempt < ATTEMPTS:
                    self._again.append(replace(task, need=2 * task.need, deaths=task.deaths + 1))
                elif not ended(task, outcome):
                    return

    def _next(self) -> Task | None:
        """Takes the next task that may begin now; one that is larger than the budget begins alone."""
        if len(self._running) >= self._pool.capacity:
            return None
        if not self._waiting:
            return self._again.pop(0) if self._again and not self._running else None
        if any(task.deaths for task in self._running):
            return None
        place = bisect_right(self._waiting, self._budget - sum(map(_need, self._running)), key=_need)
        if place == 0 and self._running:
            return None
        return self._waiting.pop(place - 1)  # if none fits, the last, which is the largest

    def _patience(self) -> float:
        """Seconds until the next task is overdue, at most a second."""
        if self._timeout is None or not self._running:
            return 1.0
        return min(1.0, max(0.0, min(self._running.values()) + self._timeout - time.monotonic()))

    def _overdue(self) -> Iterable[tuple[Task, Outcome]]:
        if self._timeout is None:
            return
        for task, started in list(self._running.items()):
            if time.monotonic() - started > self._timeout:
                self._pool.kill(task)
                yield task, Outcome("died", f"not done after {self._timeout:g} s")


def _need(task: Task) -> int:
    return task.need
