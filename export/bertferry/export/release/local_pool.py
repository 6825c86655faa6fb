"""Warm processes on this machine, which a pipe each ties to this one."""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from bertferry.export.release.schedule import Task
from bertferry.export.release.unit import Outcome
from bertferry.export.release.worker import COMMAND

MODELS, GROWTH = 50, 1.5
"""A process is replaced after so many models, or when its memory has grown by this factor since its first."""
TAIL = 2000
"""Bytes of a dead process's stderr that are searched for its last line."""


class Worker:
    """A process, what it is doing, and how much it has done."""

    def __init__(self, command: str, threads: int) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - `end` closes it
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={**os.environ, **thread_settings(threads)},
            start_new_session=True,  # a terminal's signals are for its parent
        )
        self.task: Task | None = None
        self.done, self.first_memory = 0, 0
        self._text = b""

    def begin(self, order: dict[str, Any]) -> None:
        """Gives it an order; if it is dead, `answers` shows it."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return

    def answers(self) -> Iterator[dict[str, Any] | None]:
        """What it has answered; None at its end."""
        assert self.process.stdout is not None
        piece = os.read(self.process.stdout.fileno(), 2**20)
        if not piece:
            yield None
        *lines, self._text = (self._text + piece).split(b"\n")
        yield from map(json.loads, lines)

    def end(self) -> str:
        """Kills it if it is alive, waits for it, and says how it ended."""
        self.process.kill()
        code = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        self.errors.seek(max(0, self.errors.seek(0, os.SEEK_END) - TAIL))
        lines = self.errors.read().decode(errors="replace").split("\n")
        self.errors.close()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return f"its process was {how}" if code < 0 else f"its process {how}{last and f': {last}'}"


class LocalPool:
    """Starts a process for each task until there are enough, and gives them further ones."""

    measures_memory = measures_time = False

    def __init__(self, workers: int, address: str, command: str = COMMAND) -> None:
        self.capacity = workers
        self._address, self._command = address, command
        self._threads = max(1, usable_processors() // workers)
        self._selector = selectors.DefaultSelector()
        self._workers: list[Worker] = []

    def submit(self, task: Task) -> None:
        """Gives a task to an idle process, or to a new one."""
        worker = next((one for one in self._workers if one.task is None), None) or self._start()
        worker.task = task
        order = {"model": task.model.to_dict(), "address": self._address}
        worker.begin({**order, "attempt": task.attempt, "mode": task.mode})

    def poll(self, seconds: float) -> Iterable[tuple[Task, Outcome]]:
        """The tasks that ended, by an answer or by the death of their process."""
        for key, _ in self._selector.select(seconds):
            worker: Worker = key.data
            for answer in worker.answers():
                task, worker.task = worker.task, None
                if answer is None:
                    how = self._end(worker)
                    if task is not None:
                        yield task, Outcome("died", how)
                elif task is not None:
                    outcome = Outcome(**answer)
                    self._count(worker, outcome)
                    yield task, outcome

    def kill(self, task: Task) -> None:
        """Ends the process of a task."""
        for worker in [one for one in self._workers if one.task == task]:
            self._end(worker)

    def close(self) -> None:
        """Ends all processes."""
        for worker in list(self._workers):
            self._end(worker)
        self._selector.close()

    def _start(self) -> Worker:
        worker = Worker(self._command, self._threads)
        assert worker.process.stdout is not None
        self._workers.append(worker)
        self._selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
        return worker

    def _count(self, worker: Worker, outcome: Outcome) -> None:
        """Replaces a process that has done much, or that keeps memory."""
        worker.done += 1
        worker.first_memory = worker.first_memory or outcome.memory
        if worker.done >= MODELS or outcome.memory > GROWTH * worker.first_memory or outcome.state == "died":
            self._end(worker)

    def _end(self, worker: Worker) -> str:
        assert worker.process.stdout is not None
        self._workers.remove(worker)
        self._selector.unregister(worker.process.stdout)
        return worker.end()


def usable_processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_settings(threads: int) -> dict[str, str]:
    """The environment with which a process's libraries start so many threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return {"TF_CPP_MIN_LOG_LEVEL": "3", **dict.fromkeys(names, str(threads))}
