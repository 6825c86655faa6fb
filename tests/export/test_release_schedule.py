"""Which model is released when, and processes that are real but release nothing."""

import subprocess
import sys

import pytest
from families import is_running, wait_until
from hypothesis import given
from hypothesis import strategies as st

from bertferry.convert import SourceOptions
from bertferry.export import PublishOptions
from bertferry.export.release.local_pool import MODELS, LocalPool
from bertferry.export.release.model import Model
from bertferry.export.release.schedule import ATTEMPTS, Schedule, Task
from bertferry.export.release.unit import Outcome

IN_WORKER = "import os, time; from bertferry.export.release.worker import main; main({release})"
RELEASED = '{"state": "released", "memory": 10, "error": str(os.getpid())}'


def model(name):
    return Model(str(name), str(name), str(name), PublishOptions(onnx=()), SourceOptions())


class Recorder:
    """A pool whose tasks end in the order in which they began; the first attempts of some die."""

    measures_memory = measures_time = False

    def __init__(self, capacity, deaths):
        self.capacity, self._deaths = capacity, deaths
        self._running, self.begun = [], []

    def submit(self, task):
        self._running.append(task)
        self.begun.append((task, tuple(self._running)))

    def poll(self, seconds):
        task = self._running.pop(0)
        dies = task.deaths < self._deaths.get(task.model.name, 0)
        return [(task, Outcome("died", "killed") if dies else Outcome("released"))]

    def kill(self, task):
        self._running.remove(task)

    def close(self):
        pass


@given(
    needs=st.lists(st.integers(1, 20), min_size=1, max_size=12),
    deaths=st.dictionaries(st.integers(0, 11).map(str), st.integers(1, 4)),
    capacity=st.integers(1, 4),
    budget=st.integers(1, 30),
)
def test_every_model_ends_once_within_the_memory(needs, deaths, capacity, budget):
    pool, ended = Recorder(capacity, deaths), {}

    def end(task, outcome):
        assert task.model.name not in ended
        ended[task.model.name] = (outcome.state, task.attempt)
        return True

    Schedule(pool, budget).run([Task(model(number), need) for number, need in enumerate(needs)], end)
    for number in range(len(needs)):
        fatal = deaths.get(str(number), 0)
        expected = ("died", ATTEMPTS) if fatal >= ATTEMPTS else ("released", fatal + 1)
        assert ended[str(number)] == expected
    for task, running in pool.begun:
        assert len(running) <= capacity
        assert len(running) == 1 or sum(one.need for one in running) <= budget
        assert task.need == needs[int(task.model.name)] * 2**task.deaths
        assert task.deaths == 0 or running == (task,)
    first = [task.need for task, _ in pool.begun if not task.deaths]
    assert first == sorted(first, reverse=True) or max(needs) + sum(needs) > budget


def test_a_run_stops_if_it_is_told_to():
    pool = Recorder(1, {})
    Schedule(pool, 10).run([Task(model(number), 1) for number in range(5)], lambda task, outcome: False)
    assert len(pool.begun) == 1


@pytest.fixture
def pool():
    """Makes pools of processes that run a function, and closes them."""
    made = []

    def make(release, workers=1):
        made.append(LocalPool(workers, "nowhere", command=IN_WORKER.format(release=release)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def run(pool, count, **options):
    """The outcomes of as many models, by name."""
    outcomes = {}

    def end(task, outcome):
        outcomes[task.model.name] = (outcome, task.attempt)
        return True

    Schedule(pool, 10**9, **options).run([Task(model(number), 1) for number in range(count)], end)
    return outcomes


def test_a_process_is_reused_until_it_has_done_much(pool):
    outcomes = run(pool(f"lambda order: {RELEASED}"), MODELS + 3)
    processes = [outcome.error for outcome, _ in outcomes.values()]
    assert [processes.count(process) for process in dict.fromkeys(processes)] == [MODELS, 3]


def test_a_process_that_keeps_memory_is_replaced(pool):
    grows = '(lambda seen: lambda order: (seen.append(1), {"state": "released", "memory": 10 * len(seen)})[1])([])'
    one = pool(grows)
    run(one, 1)
    (process,) = [worker.process.pid for worker in one._workers]
    run(one, 1)
    assert one._workers == []
    assert not is_running(process)


def test_a_process_that_dies_is_replaced_and_its_model_repeated(pool):
    dies = (
        f"lambda order: os.kill(os.getpid(), 9) if order['attempt'] < int(order['model']['name']) else {RELEASED}"
    )
    outcomes = run(pool(dies, workers=2), 5)
    assert [attempt for _, (_, attempt) in sorted(outcomes.items())] == [1, 1, 2, 3, 3]
    assert outcomes["4"][0] == Outcome("died", "its process was killed by SIGKILL")


def test_what_a_process_said_last_is_told(pool):
    ends = "lambda order: (os.write(1, b'a library: no license'), os._exit(7))"
    assert run(pool(ends), 1)["0"][0].error == "its process ended with code 7: a library: no license"


def test_a_process_that_takes_too_long_is_ended(pool):
    outcome, attempt = run(pool("lambda order: time.sleep(600)"), 1, timeout=0.1)["0"]
    assert (outcome.state, outcome.error, attempt) == ("died", "not done after 0.1 s", ATTEMPTS)


PARENT = """
import sys
from bertferry.convert import SourceOptions
from bertferry.export import PublishOptions
from bertferry.export.release.local_pool import LocalPool
from bertferry.export.release.model import Model
from bertferry.export.release.schedule import Task

pool = LocalPool(1, "nowhere", command=sys.argv[1])
pool.submit(Task(Model("a", "a", "a", PublishOptions(), SourceOptions()), 1))
print(pool._workers[0].process.pid, flush=True)
list(pool.poll(600))
"""


def test_a_process_ends_with_its_parent_in_the_middle_of_its_work():
    command = IN_WORKER.format(release="lambda order: (print('busy', flush=True), time.sleep(600))")
    parent = subprocess.Popen([sys.executable, "-c", PARENT, command], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert is_running(worker)
    parent.kill()
    parent.communicate()
    wait_until(lambda: not is_running(worker))
