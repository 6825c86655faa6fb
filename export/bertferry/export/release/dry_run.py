"""What a run would do: every input is opened, nothing is written."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bertferry.core.errors import BertferryError
from bertferry.core.progress import ProgressCallback
from bertferry.export.publish.parts import convert_weights
from bertferry.export.publish.publisher import plan_publication
from bertferry.export.release.memory import estimated_memory
from bertferry.export.release.model import Model
from bertferry.export.release.options import ReleaseOptions
from bertferry.export.release.report import Row
from bertferry.export.release.selection import Selection
from bertferry.export.release.stores import Store, open_input


def plan_rows(
    models: Sequence[Model], store: Store, options: ReleaseOptions, progress: ProgressCallback
) -> tuple[tuple[Row, ...], dict[str, int]]:
    """A row a model, those that would fail first, and how many there are of each state."""
    selection, rows = Selection(store, options), []
    for number, model in enumerate(models):
        progress(model.name, number, len(models))
        rows.append(_planned(model, selection.state(model), store.address))
    rows.sort(key=lambda row: row.state != "failed")
    return tuple(rows), dict(Counter(row.state for row in rows))


def _planned(model: Model, state: str, address: str) -> Row:
    memory, target = estimated_memory(model), Path(address, model.name, "new", model.name)
    try:
        with open_input(model) as opened:
            work = plan_publication(opened.path, target, opened.options, opened.source)
            report = convert_weights(target, work, dry_run=True)
    except BertferryError as error:
        return Row(model.name, "failed", model.input, memory=memory, error=" ".join(str(error).split()))
    facts = report.source_layout, work.task, report.parameters, report.total_bytes
    return Row(model.name, state, model.input, *facts, memory=memory)
