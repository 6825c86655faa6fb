"""Tasks of a Ray cluster: https://docs.ray.io/en/latest/ray-core/tasks.html. The only file that imports Ray."""

import os
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError

from bertferry.convert.report import in_units
from bertferry.core.errors import UnavailableError, first_line
from bertferry.export.release.local_pool import MODELS, thread_settings
from bertferry.export.release.memory import available_memory
from bertferry.export.release.options import ReleaseOptions
from bertferry.export.release.schedule import Task
from bertferry.export.release.unit import Outcome

A_SLOT = 4
"""How many tasks a processor are submitted: the rest waits here, where it needs no memory of the cluster."""
TIMED_OUT = 124
"""The exit code of a process that ends itself."""


class RayPool:
    """Submits tasks to a cluster, which admits them by memory and reuses its processes."""

    measures_memory = measures_time = True

    def __init__(self, options: ReleaseOptions, address: str, tasks: Sequence[Task]) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        theirs = {"runtime_env": {"env_vars": thread_settings(1)}}
        own = {"num_cpus": options.workers, "_memory": _budget(options), "include_dashboard": False}
        settings = {} if options.address else thread_settings(1)
        try:
            _check_answers(options.address)
            with _inherited(settings):  # by the processes of an own cluster: none is started for nothing
                ray.init(
                    address=options.address,
                    log_to_driver=False,
                    logging_level="ERROR",
                    **(theirs if options.address else own),
                )
        except (RayError, ConnectionError, OSError, ValueError, RuntimeError) as error:
            raise UnavailableError(f"Ray does not start: {first_line(error)}") from error
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        slots = int(sum(node.get("CPU", 0) for node in nodes))
        self.capacity = A_SLOT * (min(slots, options.workers) if options.workers else slots)
        self._most = max((node.get("memory", 0) for node in nodes), default=0)
        self._check_room(tasks)
        self._address, self._timeout = address, options.timeout
        self._running: dict[ray.ObjectRef, Task] = {}

    def _check_room(self, tasks: Sequence[Task]) -> None:
        """Refuses what would wait for ever.

        Raises:
          UnavailableError: a task needs more memory than any node has.
        """
        largest = max(tasks, key=lambda task: task.need)
        if largest.need > self._most:
            ray.shutdown()
            need = f"{largest.model.name} needs about {in_units(largest.need)} of memory"
            raise UnavailableError(f"{need}, and the largest node of the cluster has {in_units(int(self._most))}")

    def submit(self, task: Task) -> None:
        """Submits a task; what a death has doubled beyond any node gets a whole node."""
        work = _release.options(memory=min(task.need, self._most))
        model = task.model.to_dict()
        self._running[work.remote(model, self._address, task.attempt, task.mode, self._timeout)] = task

    def poll(self, seconds: float) -> Iterable[tuple[Task, Outcome]]:
        """The tasks that ended."""
        done, _ = ray.wait(list(self._running), num_returns=1, timeout=seconds)
        more, _ = ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
        for one in dict.fromkeys((*done, *more)):
            yield self._running.pop(one), _outcome(one)

    def kill(self, task: Task) -> None:
        """Ends the process of a task, which watches its own time: see `_release`."""
        for one in [one for one, other in self._running.items() if other == task]:
            ray.cancel(one, force=True)
            del self._running[one]

    def close(self) -> None:
        """Ends all tasks, and the cluster if it was started here."""
        for one in self._running:
            ray.cancel(one, force=True)
        ray.shutdown()


@contextmanager
def _inherited(settings: Mapping[str, str]) -> Iterator[None]:
    """Sets variables for the processes that begin meanwhile; this one gets its own back."""
    former = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _check_answers(address: str | None) -> None:
    """Raises an error of the system if nothing answers at an address, for which Ray would wait."""
    host, colon, port = (address or "").rpartition("://")[2].rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _budget(options: ReleaseOptions) -> int:
    return available_memory() if options.memory is None else int(options.memory * 1e9)


def _outcome(reference: "ray.ObjectRef") -> Outcome:
    try:
        return Outcome(**ray.get(reference, timeout=60))
    except (RayError, GetTimeoutError) as error:
        return Outcome("died", f"its process died: {first_line(error)}")


@ray.remote(num_cpus=1, max_calls=MODELS, max_retries=0)
def _release(
    model: Mapping[str, Any], address: str, attempt: int, mode: str, timeout: float | None
) -> dict[str, Any]:
    """Releases a model; a thread ends the process if that takes too long."""
    from bertferry.export.release.unit import release_unit

    watch = threading.Timer(timeout, os._exit, (TIMED_OUT,)) if timeout else None
    if watch:
        watch.start()
    try:
        return release_unit(model, address, attempt, mode)
    finally:
        if watch:
            watch.cancel()
