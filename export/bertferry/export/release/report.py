"""The report of a family: a row a model, from what lies in the output."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from textwrap import indent
from typing import Any

from bertferry.convert.report import in_units
from bertferry.core.results import Result, Schema
from bertferry.export.release.model import Model
from bertferry.export.release.model_pages import INDEX
from bertferry.export.release.names import FAILED, MEASURED
from bertferry.export.release.receipt import RECEIPT, Failure, Measurement, Receipt, parse_result
from bertferry.export.release.stores import Store

STATES = ("died", "failed", "waiting", "released")
"""The order of rows."""


@dataclass(frozen=True, slots=True)
class Row:
    """A model: what it is, what became of it, what that took. Sizes and memory in bytes, times in seconds.

    `state` is one of `STATES`, or in a dry run `due` or `unchanged`; `memory` is then estimated. `difference` is
    the largest in any part, `output` the output that has it. `page` is its report, relative to the output.
    """

    name: str
    state: str
    input: str
    layout: str = ""
    task: str = ""
    parameters: int | None = None
    total_bytes: int | None = None
    difference: float | None = None
    output: str = ""
    part: str = ""
    seconds: float | None = None
    processor: float | None = None
    memory: int | None = None
    attempts: int | None = None
    error: str = ""
    page: str = ""


@dataclass(frozen=True)
class ReleaseReport(Result):
    """A family.

    `models` has a row a model of the manifest, failures first; `run` counts what the last run did with those that
    it was to release: `released`, `unchanged`, `failed` and `died`, `due` if it would.
    """

    SCHEMA = Schema.RELEASE_REPORT

    manifest: str
    models: tuple[Row, ...]
    run: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def derived(self) -> dict[str, Any]:
        """How many models are in each state."""
        return {"counts": dict(Counter(row.state for row in self.models))}

    def to_json(self) -> str:
        """The report as JSON text, ending in a newline."""
        return "".join(self.json_pieces())

    def json_pieces(self) -> Iterator[str]:
        """The same in pieces, a model at a time: the whole would be many times as large as the rows."""
        head, models, tail = json.dumps(
            {**replace(self, models=()).to_dict(), **self.derived()}, indent=1, allow_nan=False
        ).partition('"models": []')
        yield head + models[:-1]
        for number, row in enumerate(self.models):
            (values,) = replace(self, models=(row,)).to_dict()["models"]
            text = json.dumps(values, indent=1, allow_nan=False)
            yield "," * bool(number) + "\n" + indent(text, "  ")
        yield "\n " * bool(self.models) + "]" + tail + "\n"

    @property
    def ok(self) -> bool:
        """Whether nothing that the run was to release failed."""
        return not (self.run.get("failed") or self.run.get("died"))

    def render(self) -> str:
        """The summary shown on the terminal: what the run did, and what is wrong."""
        counts = ", ".join(f"{count} {state}" for state, count in self.run.items() if count) or "nothing to do"
        total = sum(row.total_bytes or 0 for row in self.models)
        lines = [f"{self.manifest}: {counts}; {len(self.models)} models, {in_units(total)}"]
        lines += [f"{row.name}: {row.state}: {row.error}" for row in self.models if row.error]
        return "\n  ".join([*lines, *(f"note: {note}" for note in self.notes)])


def read_rows(models: Iterable[Model], store: Store) -> tuple[Row, ...]:
    """A row a model, failures first, otherwise in the order of the manifest."""
    present = store.names()
    rows = [_row(model, store, present) for model in models]
    return tuple(sorted(rows, key=lambda row: STATES.index(row.state)))


def _row(model: Model, store: Store, present: set[str]) -> Row:
    recorded, measured = f"{FAILED}/{model.name}.json", f"{MEASURED}/{model.name}.json"
    receipt_file = f"{model.name}/{RECEIPT}"
    receipt = parse_result(Receipt, store.read(receipt_file), receipt_file) if model.name in present else None
    failure = parse_result(Failure, store.read(recorded), recorded) if recorded in present else None
    if failure is not None and (receipt is None or failure.key != receipt.key):
        return Row(model.name, failure.state, model.input, attempts=failure.attempts, error=failure.error)
    if receipt is None:
        return Row(model.name, "waiting", model.input)
    took = parse_result(Measurement, store.read(measured), measured) if measured in present else None
    worst = receipt.worst
    return Row(
        model.name,
        "released",
        receipt.input,
        receipt.source_layout,
        receipt.task,
        receipt.parameters,
        receipt.total_bytes,
        worst.difference if worst else None,
        worst.output if worst else "",
        worst.path if worst else "",
        took.seconds if took else None,
        took.processor if took else None,
        took.peak if took else None,
        took.attempts if took else None,
        page=f"{model.name}/{INDEX}",
    )
