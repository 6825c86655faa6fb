"""release_models: a family at once."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from bertferry.convert.report import in_units
from bertferry.core.errors import BertferryError, UnavailableError, UsageError
from bertferry.core.progress import ProgressCallback, no_progress
from bertferry.export.publish.publisher import check_packages
from bertferry.export.release.dry_run import plan_rows
from bertferry.export.release.engines import open_pool
from bertferry.export.release.inputs import is_address
from bertferry.export.release.journal import Journal
from bertferry.export.release.manifest import read_manifest
from bertferry.export.release.memory import available_memory, estimated_memory
from bertferry.export.release.model import Model
from bertferry.export.release.names import FAILED, MEASURED, REPORT
from bertferry.export.release.options import ReleaseOptions
from bertferry.export.release.pages import html_pieces, markdown_pieces
from bertferry.export.release.receipt import Failure, Measurement, parse_result
from bertferry.export.release.report import ReleaseReport, read_rows
from bertferry.export.release.schedule import Schedule, Task
from bertferry.export.release.selection import Selection, sort_by_state
from bertferry.export.release.stores import Store, open_store
from bertferry.export.release.unit import Outcome

MODE_OF = {"due": "keep", "broken": "replace", "doubtful": "compare"}
"""States, as `Selection.state` gives them, of models that a run releases, and what becomes of what is there."""
REPORTS: Mapping[str, Callable[[ReleaseReport], Iterable[str]]] = {
    "json": ReleaseReport.json_pieces,
    "md": markdown_pieces,
    "html": html_pieces,
}
STOPS: Mapping[int, type[BertferryError]] = {3: UnavailableError}


def release_models(
    manifest: str | Path,
    output: str | Path,
    options: ReleaseOptions = ReleaseOptions(),
    *,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
) -> ReleaseReport:
    """Releases the models of a manifest, each as a folder of the output, as `publish_model` writes it.

    What is already there, of the same files, options and versions, is left as it is: the same call resumes an
    interrupted run. A model is there whole and compared with its source, or not at all.

    Args:
      manifest: a file in TOML or JSON.
      output: the folder of the family; `release.json`, `.md` and `.html` in it are written at the end, also of an
        interrupted run.
      options: how it is released.
      dry_run: check every input and estimate its memory, but write nothing.
      progress: called with the last model, the models done and the total.

    Returns:
      the report; a model that failed does not raise: see `ReleaseReport.ok`.

    Raises:
      UsageError: the manifest or the output, before anything starts, or a full disk.
      UnavailableError: Ray, or what a model's artifacts are written with, is not installed.
    """
    path = Path(manifest)
    models = read_manifest(path, leave_out=() if is_address(str(output)) else (Path(output),))
    chosen = options.select(models)
    for made in {model.options for model in chosen}:
        check_packages(made)
    store = open_store(str(output))
    if dry_run:
        return ReleaseReport(path.name, *plan_rows(chosen, store, options, progress or no_progress))
    store.prepare()
    run = _Run(path.name, models, store, options, progress or no_progress)
    return run.release(chosen)


class _Run:
    """A run over a family."""

    def __init__(
        self, name: str, models: Sequence[Model], store: Store, options: ReleaseOptions, progress: ProgressCallback
    ) -> None:
        self._name, self._models, self._store, self._options = name, models, store, options
        self._progress = progress
        self._counts: Counter[str] = Counter()
        self._notes: list[str] = []
        self._done = self._total = 0

    def release(self, chosen: Sequence[Model]) -> ReleaseReport:
        """Releases what is due, and writes the report, however that ends."""
        journal, selection = Journal(self._store), Selection(self._store, self._options)
        self._journal, self._selection = journal, selection
        journal.write("begun", models=len(chosen), engine=self._options.engine, shard=self._options.shard)
        try:
            states = sort_by_state(selection, chosen)
            self._counts.update({state: len(states[state]) for state in ("unchanged", "failed")})
            tasks = [
                Task(model, self._need(model), mode) for state, mode in MODE_OF.items() for model in states[state]
            ]
            self._total = len(tasks)
            if tasks and not (self._options.fail_fast and states["failed"]):
                self._run(tasks)
            journal.write("ended", **self._counts)
        except BaseException as error:
            journal.write("stopped", error=f"{type(error).__name__}: {error}")
            with suppress(BertferryError, OSError):  # a full disk has room for no report either
                self._finish()
            raise
        return self._finish()

    def _run(self, tasks: Sequence[Task]) -> None:
        budget = available_memory() if self._options.memory is None else int(self._options.memory * 1e9)
        with ExitStack() as stack:
            stack.callback(self._store.sweep)
            pool = open_pool(self._options, self._store.address, tasks)
            stack.callback(pool.close)
            if pool.measures_memory:
                budget = sys.maxsize
            self._note_large(tasks, budget)
            Schedule(pool, budget, self._options.timeout).run(tasks, self._ended)

    def _need(self, model: Model) -> int:
        """What a model needed when it was last released, or an estimate."""
        name = f"{MEASURED}/{model.name}.json"
        measured = parse_result(Measurement, self._store.read(name), name)
        return measured.peak if measured is not None else estimated_memory(model)

    def _note_large(self, tasks: Sequence[Task], budget: int) -> None:
        for task in tasks:
            if task.need > budget:
                need = f"{task.model.name} needs about {in_units(task.need)}"
                self._notes.append(f"{need}, more than the {in_units(budget)} there are: it is released alone")

    def _ended(self, task: Task, outcome: Outcome) -> bool:
        """Records the end of a task; whether the run goes on.

        Raises:
          BertferryError: no other model can be released either.
        """
        name = task.model.name
        facts = {
            key: getattr(outcome, key)
            for key in ("error", "note", "seconds", "processor", "peak")
            if getattr(outcome, key)
        }
        self._journal.write(outcome.state, model=name, attempt=task.attempt, **facts)
        if outcome.state == "stopped":
            raise STOPS.get(outcome.exit_code, UsageError)(outcome.error)
        if outcome.state == "died":
            failure = Failure(name, "", task.model.input, "died", outcome.error, task.attempt)
            self._store.write(f"{FAILED}/{name}.json", failure.to_json().encode())
        self._selection.remember(outcome.cache)
        self._counts[outcome.state] += 1
        self._done += 1
        self._progress(f"{name}: {outcome.state}", self._done, self._total)
        if outcome.note:
            self._notes.append(f"{name}: {outcome.note}")
        return outcome.state in ("released", "unchanged") or not self._options.fail_fast

    def _finish(self) -> ReleaseReport:
        """Writes the hashes and the report."""
        self._journal.close()
        self._selection.save()
        report = ReleaseReport(
            self._name, read_rows(self._models, self._store), dict(self._counts), tuple(self._notes)
        )
        for kind, pieces_of in REPORTS.items():
            self._store.write_pieces(f"{REPORT}.{kind}", pieces_of(report))
        return report
