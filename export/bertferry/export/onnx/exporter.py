"""export_onnx: exports a checkpoint in any layout, or any SavedModel, as a verified ONNX file."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.convert.report import in_units
from bertferry.core.atomic import check_new_file, clear_leftovers, new_file
from bertferry.core.errors import DataError, UsageError
from bertferry.core.extras import check_installed
from bertferry.core.progress import ProgressCallback, continue_after, no_progress
from bertferry.core.results import Result, Schema
from bertferry.export.onnx.checkpoint_source import CheckpointSource, check_stated
from bertferry.export.onnx.naming import default_naming
from bertferry.export.onnx.options import OnnxOptions
from bertferry.export.onnx.parity_check import check_parity, describe_compared
from bertferry.export.onnx.providers import check_provider
from bertferry.export.onnx.saved_model_source import SavedModelSource
from bertferry.export.onnx.source import Source
from bertferry.verify import Report

if TYPE_CHECKING:  # a wrong flag must be reported without loading ONNX
    from bertferry.export.onnx.build import Built


@dataclass(frozen=True)
class OnnxReport(Result):
    """An ONNX export: source, file, sizes in bytes, parity verdict and notes. A dry run has no sizes.

    `compared` is what the verdict is about: the file, or also what was computed in its place.
    """

    SCHEMA = Schema.ONNX_EXPORT

    source: str
    output: str
    precision: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weight_bytes: int | None = None
    total_bytes: int | None = None
    parity: dict[str, Any] | None = None
    verdict: str = "not checked"
    compared: str = ""
    notes: tuple[str, ...] = ()

    def render(self) -> str:
        """The summary shown on the terminal."""
        interface = f"{', '.join(self.inputs)} → {', '.join(self.outputs)}"
        notes = [f"  {note}" for note in self.notes]
        if self.total_bytes is None or self.weight_bytes is None:
            return "\n".join(
                [f"would export {self.source} to {self.output}", f"  {self.precision}; {interface}", *notes]
            )
        lines = [
            f"exported {self.source} to {self.output} ({in_units(self.total_bytes)})",
            f"  {self.precision}, {in_units(self.weight_bytes)} of weights; {interface}",
            *notes,
            f"  parity with the source: {self.verdict}",
        ]
        if self.compared not in ("", "the file"):
            lines.append(f"  compared: {self.compared}")
        return "\n".join(lines)


def export_onnx(
    output: str | Path,
    options: OnnxOptions = OnnxOptions(),
    *,
    checkpoint: str | Path | None = None,
    saved_model: str | Path | None = None,
    source: SourceOptions = SourceOptions(),
    overwrite: bool = False,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
) -> OnnxReport:
    """Exports a checkpoint's task, or a SavedModel's signature, as an ONNX file, and compares the two.

    Args:
      output: the file to create; external data is written to `output.data`.
      options: options of the graph.
      checkpoint: a BERT in any layout.
      saved_model: any TF2 SavedModel, instead of a checkpoint.
      source: how the checkpoint is read, if its files leave it open.
      overwrite: replace an existing output.
      dry_run: check everything, but write nothing.
      progress: called with the current step, the steps done and the total.

    Raises:
      BertferryError: see its `exit_code`; nothing remains at `output`.
    """
    target = Path(output)
    clear_leftovers(target)
    read = (checkpoint, saved_model, options.inputs, *source.files)
    check_new_file(target, overwrite=overwrite, sources=read, suffix=".onnx")
    external = target.with_name(f"{target.name}.data")
    check_new_file(external, overwrite=overwrite or not options.external_data)
    replaces = target.exists()
    opened, options = _open_source(checkpoint, saved_model, options, source, target)
    name = str(checkpoint if checkpoint is not None else saved_model)
    opened.check(options)
    check_requirements(opened, options)
    notes = (*opened.notes(), *options.notes)
    if options.inputs is not None:
        opened.probes(options)  # a file that does not fit must be reported before the work, and by a dry run
    if dry_run:
        return OnnxReport(name, str(output), options.precision, *opened.interface(), notes=notes)
    with new_file(target, overwrite=overwrite) as staging:
        built, weight_bytes, parity = write_and_check(staging, opened, target, options, progress or no_progress)
        written = {path.name: path.stat().st_size for path in staging.parent.iterdir()}
    if replaces and external.name not in written and external.is_file():
        external.unlink()  # left by the output that this one replaces
    return OnnxReport(
        source=name,
        output=str(output),
        precision=options.precision,
        inputs=built.inputs,
        outputs=built.outputs,
        weight_bytes=weight_bytes,
        total_bytes=sum(written.values()),
        parity=None if parity is None else parity.to_dict(),
        verdict="not checked" if parity is None else parity.verdict(),
        compared="" if parity is None else describe_compared(opened, options),
        notes=notes,
    )


def _open_source(
    checkpoint: str | Path | None,
    saved_model: str | Path | None,
    options: OnnxOptions,
    source: SourceOptions,
    target: Path,
) -> tuple[Source, OnnxOptions]:
    """The source, and the options with the names that follow from it if none are given."""
    if (checkpoint is None) == (saved_model is None):
        raise UsageError("give one source: --checkpoint PATH or --saved-model DIR")
    if checkpoint is not None:
        check_stated(source, options.task)
        found = replace(open_checkpoint(checkpoint, source), inner=options.inner)
        naming = options.names or default_naming(found.layout.family, target)
        return CheckpointSource(found, options.task, naming), replace(options, names=naming)
    return SavedModelSource(Path(str(saved_model)), options.signature), options


def check_requirements(source: Source, options: OnnxOptions) -> None:
    """Checks what a run imports, and that something runs its graph.

    Raises:
      UnavailableError: a package, or a provider for the precision, is missing.
    """
    check_installed("exporting an ONNX file", *source.needs)
    check_provider(options.precision)


def write_and_check(
    staging: Path, source: Source, target: Path, options: OnnxOptions, tell: ProgressCallback
) -> tuple["Built", int, Report | None]:
    """Writes the graph; returns it, the size of its weights in the file in bytes, and the parity report.

    Raises:
      DataError: the graph does not compute what its source computes.
    """
    from bertferry.export.onnx.build import build, write

    tell("building the graph", 0, 2)
    built = build(source, options)
    action = "quantizing" if options.precision == "int8" else "writing"
    tell(f"{action} {in_units(built.weight_bytes)} of weights", 1, 2)
    weight_bytes = write(staging, built, options)
    parity = check_parity(source, staging, target, options, continue_after(2, tell)) if options.verify else None
    if parity is not None and not parity.ok:
        guessed = source.any_values and options.inputs is None
        hint = "; if such inputs never occur, give others with --inputs FILE.npz" if guessed else ""
        fault = f"{target}: not written: the graph differs from its source: {parity.verdict()}{hint}"
        raise DataError(fault, "--no-verify writes it all the same" if options.precision == "int8" else "")
    return built, weight_bytes, parity
