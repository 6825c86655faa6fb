"""Compares the parts of a published folder with the source again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bertferry.convert import open_checkpoint
from bertferry.convert.difference import compare_checkpoints
from bertferry.core.errors import DataError, UsageError
from bertferry.export.onnx.checkpoint_source import CheckpointSource
from bertferry.export.onnx.options import OnnxOptions
from bertferry.export.onnx.parity_check import check_parity
from bertferry.export.publish.options import HUB, KERAS_HUB, LITERT_NAMES
from bertferry.export.publish.parts import NAMES, module_of, planned_graphs
from bertferry.export.publish.publisher import record_source
from bertferry.export.publish.work import Work
from bertferry.verify import Report


def find_faults(folder: Path, work: Work) -> list[str]:
    """What in a published folder does not agree with the source, a line a part."""
    try:
        checkpoints = list(_differing_checkpoints(folder, work))
        reports = _reports(folder, replace(work, recording=record_source(work)))
        return [*checkpoints, *(f"{name}: {report.verdict()}" for name, report in reports if not report.ok)]
    except (DataError, UsageError) as error:  # of a file that is damaged or missing
        return [str(error)]


def _differing_checkpoints(folder: Path, work: Work) -> Iterator[str]:
    layouts = [KERAS_HUB] * work.options.keras_hub + list(work.options.layouts)
    for name in ("", *layouts):
        path = folder / name
        if rows := compare_checkpoints(work.source, open_checkpoint(path)).parameters:
            yield f"{name or 'model.safetensors'}: {rows[0].parameter}: {rows[0].what}"


def _reports(folder: Path, work: Work) -> Iterator[tuple[str, Report]]:
    for name, task, precision in planned_graphs(work):
        options = OnnxOptions(task, precision=precision, names=NAMES)
        graph = CheckpointSource(work.source, task, NAMES, work.recording)
        path = Path("onnx", name)
        yield str(path), check_parity(graph, folder / path, work.target / path, options)
    for precision in work.options.litert:
        yield LITERT_NAMES[precision], _litert_report(folder, work, precision)
    if work.options.hub:
        from bertferry.export.module_writer import check_module

        yield HUB, check_module(module_of(work), folder / HUB)


def _litert_report(folder: Path, work: Work, precision: str) -> Report:
    from bertferry.export.litert.checkpoint_source import CheckpointSource as LitertSource
    from bertferry.export.litert.options import LitertOptions
    from bertferry.export.litert.parity_check import check_parity

    name = LITERT_NAMES[precision]
    source = LitertSource(work.source, work.task, NAMES, work.recording)
    options = LitertOptions(work.task, precision=precision, names=NAMES)
    return check_parity(source, folder / name, work.target / name, options)
