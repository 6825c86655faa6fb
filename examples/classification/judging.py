"""Exports a fine-tuned classifier, and says what is left of its scores on held-out texts."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.run_folder import State

from bertferry.core.atomic import replace_file
from bertferry.core.progress import part_of
from bertferry.core.progress_bar import Progress
from bertferry.export import ModuleOptions, export_hub_module
from bertferry.export.options import ONNX_FILES
from bertferry.verify import ParityOptions, Report, verify_parity
from classification.fine_tuning import CHECKPOINT
from classification.job import Job

TEXTS, LABELS = "held_out.txt", "held_out_labels.txt"
MODULE, PARITY = "module", "parity.json"


@dataclass(frozen=True)
class Row:
    """The scores of an artifact by name, and how many of its decisions are not those of the checkpoint."""

    artifact: str
    scores: Mapping[str, float]
    changed: int


@dataclass(frozen=True)
class Outcome:
    """What came out of a job: how training went, and the scores on the held-out texts.

    `ok` says that no export loses more than the margin, `verdict` says it in words.
    """

    held_out: int
    rows: tuple[Row, ...]
    training: Mapping[str, Any]
    ok: bool
    verdict: str

    def write(self, path: Path) -> None:
        """Writes it as JSON."""
        with replace_file(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def render(self) -> str:
        """A table of the scores, and the verdict."""
        names, wide = list(self.rows[0].scores), max(len(row.artifact) for row in self.rows) + 2
        decides = "accuracy" in names
        columns = "".join(f"{name:>{len(name) + 2}}" for name in names) + "  changed decisions" * decides
        lines = [f"on {self.held_out} held-out texts", f"{'':<{wide}}{columns}"]
        for row in self.rows:
            scores = "".join(f"{row.scores[name]:>{len(name) + 2}.4f}" for name in names)
            lines.append(f"{row.artifact:<{wide}}{scores}" + f"{row.changed:>19}" * decides)
        return "\n".join([*lines, self.verdict])


def judge(job: Job, state: State, margin: float | None, progress: Progress) -> Outcome:
    """Exports the fine-tuned checkpoint as a classifier module with ONNX files, and scores all of them.

    Raises:
      BertferryError: an export does not compute what the checkpoint computes, beyond what its precision explains.
    """
    folder, test = job.output, job.parts["test"]
    tell = part_of(progress, "exporting", 0, 2)
    options = ModuleOptions(task="classifier", onnx=tuple(ONNX_FILES))
    export_hub_module(folder / CHECKPOINT, folder / MODULE, options, overwrite=True, progress=tell)
    _write_held_out(job)
    judged = ParityOptions(
        task="classifier",
        profile="task",
        margin=margin,
        texts=folder / TEXTS,
        labels=folder / LABELS,
        pairs=test.seconds is not None,
    )
    onnx = [folder / MODULE / "onnx" / name for name in ONNX_FILES.values()]
    tell = part_of(progress, "scoring", 1, 2)
    report = verify_parity(folder / CHECKPOINT, [folder / MODULE, *onnx], judged, progress=tell)
    with replace_file(folder / PARITY) as temporary:
        temporary.write_text(report.to_json(), encoding="utf-8")
    rows = tuple(_rows(report, [MODULE, *ONNX_FILES.values()]))
    return Outcome(len(test), rows, asdict(state), report.ok, report.verdict())


def _write_held_out(job: Job) -> None:
    """Writes texts and labels as `verify-parity` reads them; classes by number, which no name can be taken for."""
    test, targets = job.parts["test"], job.targets
    labels = [f"LABEL_{number}" if targets.names else repr(float(number)) for number in targets.numbers(test)]
    seconds = test.seconds
    texts = test.texts if seconds is None else ["\t".join(pair) for pair in zip(test.texts, seconds, strict=True)]
    for name, lines in ((TEXTS, texts), (LABELS, labels)):
        with replace_file(job.output / name) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows(report: Report, names: list[str]) -> list[Row]:
    """The scores of the checkpoint and of everything that was exported."""
    results = [candidate.task_result for candidate in report.candidates]
    rows = [Row(CHECKPOINT, {score.name: score.reference for score in results[0].scores}, 0)]
    for name, result in zip(names, results, strict=True):
        rows.append(Row(name, {score.name: score.candidate for score in result.scores}, result.changed))
    return rows
