"""Writes the parts of a published folder, each compared with the source."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bertferry.convert import ConversionOptions, ConversionReport, convert_checkpoint
from bertferry.core.errors import DataError
from bertferry.core.progress import ProgressCallback
from bertferry.core.tasks import EMBEDDINGS
from bertferry.export.onnx.checkpoint_source import CheckpointSource
from bertferry.export.onnx.exporter import write_and_check as write_onnx
from bertferry.export.onnx.options import OnnxOptions
from bertferry.export.publish.options import EMBEDDING_NAME, HUB, KERAS_HUB, LITERT_NAMES, ONNX_NAMES
from bertferry.export.publish.report import Part
from bertferry.export.publish.work import Work
from bertferry.verify import Report

if TYPE_CHECKING:
    from bertferry.export.module_writer import Module

Tell = Callable[[str], ProgressCallback]
"""Tells the progress of a part, by its name."""
NAMES = "huggingface"
CONVERSION_REPORT = "conversion_report.json"
IN_KERAS_HUB = ("classifier", "mlm")
"""Tasks whose heads KerasHub has a model for; of others, it gets the encoder."""


def write_weights(staging: Path, work: Work) -> ConversionReport:
    """Writes weights, configuration, tokenizer, and the files of sentence-transformers."""
    folder = staging / "weights"
    report = replace(convert_weights(folder, work), target=str(work.target))
    (folder / CONVERSION_REPORT).unlink()
    for path in folder.iterdir():
        path.rename(staging / path.name)
    folder.rmdir()
    return report


def convert_weights(
    folder: Path, work: Work, *, dry_run: bool = False, overwrite: bool = False
) -> ConversionReport:
    """Converts the source into a folder of transformers."""
    options = ConversionOptions("huggingface", work.options.task)
    return convert_checkpoint(work.path, folder, options, source=work.stated, dry_run=dry_run, overwrite=overwrite)


def convert_preset(folder: Path, work: Work, *, dry_run: bool = False) -> ConversionReport:
    """Converts the source, with its head if KerasHub has a model for it."""
    task = work.task if work.task in IN_KERAS_HUB else "encoder"
    options = ConversionOptions("keras_hub", task)
    return convert_checkpoint(work.path, folder, options, source=work.stated, dry_run=dry_run)


def convert_further(folder: Path, work: Work, layout: str, *, dry_run: bool = False) -> ConversionReport:
    """Converts the source into a checkpoint in another layout."""
    options = ConversionOptions(layout, work.options.task)
    return convert_checkpoint(work.path, folder, options, source=work.stated, dry_run=dry_run)


def planned_parts(work: Work) -> list[Part]:
    """What would be written, for a dry run."""
    graphs = [(f"onnx/{name}", f"ONNX, {task}, {precision}") for name, task, precision in planned_graphs(work)]
    litert = [(LITERT_NAMES[precision], f"LiteRT, {precision}") for precision in work.options.litert]
    folders = [(HUB, "Hub module")] * work.options.hub + [(KERAS_HUB, "KerasHub")] * work.options.keras_hub
    folders += [(layout, f"checkpoint in the layout {layout}") for layout in work.options.layouts]
    return [
        Part(path, 0, what, "") for path, what in [("model.safetensors", "weights"), *graphs, *litert, *folders]
    ]


def planned_graphs(work: Work) -> Iterator[tuple[str, str, str]]:
    """The name, the task and the precision of each ONNX file; those of the embedding are in float32 alone."""
    for precision, name in ONNX_NAMES.items():
        if precision in work.options.onnx:
            yield name, work.task, precision
    if work.options.onnx and work.sentence is not None:
        yield EMBEDDING_NAME, EMBEDDINGS, "fp32"


def weights_part(report: ConversionReport) -> Part:
    """What became of the tensors: each was read back and compared."""
    moved = sum("transposed" in row.bytes for row in report.tensors)
    return Part(
        "model.safetensors",
        report.total_bytes,
        "weights",
        f"{len(report.tensors)} tensors, {moved} transposed, equal to the source bit for bit",
    )


def write_graphs(staging: Path, work: Work, tell: Tell) -> Iterator[Part]:
    """Writes the ONNX files."""
    for name, task, precision in planned_graphs(work):
        path = staging / "onnx" / name
        path.parent.mkdir(exist_ok=True)
        source = CheckpointSource(work.source, task, NAMES, work.recording)
        options = OnnxOptions(task, precision=precision, names=NAMES)
        try:
            built, _, parity = write_onnx(path, source, work.target / "onnx" / name, options, tell(name))
        except DataError as error:
            others = ",".join(one for one in work.options.onnx if one != precision)
            raise DataError(error.args[0], f"--onnx {others} leaves it out" if others else "") from error
        yield _part(staging, path, f"ONNX, {precision}: {', '.join(built.outputs)}", parity)


def write_litert(staging: Path, work: Work, tell: Tell) -> Iterator[Part]:
    """Writes the LiteRT files."""
    if not work.options.litert:
        return
    from bertferry.export.litert.checkpoint_source import CheckpointSource
    from bertferry.export.litert.exporter import write_and_check
    from bertferry.export.litert.options import LitertOptions

    for precision in work.options.litert:
        path = staging / LITERT_NAMES[precision]
        source = CheckpointSource(work.source, work.task, NAMES, work.recording)
        options = LitertOptions(work.task, precision=precision, names=NAMES)
        parity = write_and_check(path, source, work.target / path.name, options, tell(path.name))
        yield _part(staging, path, f"LiteRT, {precision}: {', '.join(source.interface()[1])}", parity)


def write_module(staging: Path, work: Work, tell: Tell) -> Iterator[Part]:
    """Writes the Hub module."""
    if not work.options.hub:
        return
    from bertferry.export.hub_exporter import write_and_check
    from bertferry.export.options import ModuleOptions

    (staging / HUB).mkdir()
    module = module_of(work)
    parity, _ = write_and_check(staging / HUB, module, ModuleOptions(work.task), tell(HUB), work.series)
    yield _part(
        staging, staging / HUB, f"Hub module and SavedModel: {', '.join(module.spec.output_names)}", parity
    )


def module_of(work: Work) -> "Module":
    """The Hub module of the folder."""
    from bertferry.export.hub_exporter import plan_module
    from bertferry.export.options import ModuleOptions

    source = replace(work.source, options=replace(work.stated, pooling=None, normalize=None))
    module = plan_module(source, work.target / HUB, ModuleOptions(work.task), None)
    return replace(module, recording=work.recording)


def write_preset(staging: Path, work: Work, tell: Tell) -> Iterator[Part]:
    """Writes the preset of KerasHub."""
    if not work.options.keras_hub:
        return
    tell(KERAS_HUB)("converting", 0, 1)
    yield _converted(staging / KERAS_HUB, convert_preset(staging / KERAS_HUB, work), "KerasHub")


def write_further(staging: Path, work: Work, tell: Tell) -> Iterator[Part]:
    """Writes the checkpoints in other layouts."""
    for layout in work.options.layouts:
        tell(layout)("converting", 0, 1)
        report = convert_further(staging / layout, work, layout)
        yield _converted(staging / layout, report, f"checkpoint in the layout {layout}")


def _converted(folder: Path, report: ConversionReport, what: str) -> Part:
    """A converted folder, which was read back and compared."""
    (folder / CONVERSION_REPORT).unlink()
    return Part(
        folder.name, _size(folder), what, f"{len(report.tensors)} tensors, equal to the source bit for bit"
    )


def _part(staging: Path, path: Path, what: str, parity: Report | None) -> Part:
    """A part that was compared with the recording."""
    assert parity is not None  # everything that is published is compared
    return Part(str(path.relative_to(staging)), _size(path), what, parity.verdict(), parity.to_dict())


def _size(path: Path) -> int:
    """The size in bytes of a folder, or of a file with its external data."""
    files = path.rglob("*") if path.is_dir() else path.parent.glob(f"{path.name}*")
    return sum(file.stat().st_size for file in files if file.is_file())
