"""export_litert: exports a checkpoint in any layout, or any SavedModel, as a verified LiteRT file."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.convert.report import in_units
from bertferry.core.atomic import check_new_file, clear_leftovers, new_file
from bertferry.core.errors import DataError, UsageError
from bertferry.core.extras import LITERT, check_installed
from bertferry.core.litert_files import SUFFIX, append_notes
from bertferry.core.progress import ProgressCallback, continue_after, no_progress
from bertferry.core.results import Result, Schema
from bertferry.core.temporary import TemporaryFolder
from bertferry.export.litert.checkpoint_source import CheckpointSource
from bertferry.export.litert.options import LitertOptions
from bertferry.export.litert.parity_check import check_parity
from bertferry.export.litert.saved_model_source import SavedModelSource
from bertferry.export.litert.source import Source
from bertferry.export.onnx.checkpoint_source import check_stated
from bertferry.export.onnx.naming import default_naming
from bertferry.verify import Report


@dataclass(frozen=True)
class LitertReport(Result):
    """A LiteRT export: source, file, size in bytes, parity verdict and notes. A dry run has no size."""

    SCHEMA = Schema.LITERT_EXPORT

    source: str
    output: str
    precision: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    total_bytes: int | None = None
    parity: dict[str, Any] | None = None
    verdict: str = "not checked"
    notes: tuple[str, ...] = ()

    def render(self) -> str:
        """The summary shown on the terminal."""
        details = [f"{self.precision}; {', '.join(self.inputs)} → {', '.join(self.outputs)}", *self.notes]
        if self.total_bytes is None:
            return "\n  ".join([f"would export {self.source} to {self.output}", *details])
        first = f"exported {self.source} to {self.output} ({in_units(self.total_bytes)})"
        return "\n  ".join([first, *details, f"parity with the source: {self.verdict}"])


def export_litert(
    output: str | Path,
    options: LitertOptions = LitertOptions(),
    *,
    checkpoint: str | Path | None = None,
    saved_model: str | Path | None = None,
    source: SourceOptions = SourceOptions(),
    overwrite: bool = False,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
) -> LitertReport:
    """Exports a checkpoint's task, or a SavedModel's signature, as a LiteRT file, and compares the two.

    Args:
      output: the `.tflite` file to create.
      options: options of the file.
      checkpoint: a BERT in any layout.
      saved_model: any TF2 SavedModel, instead of a checkpoint.
      source: how the checkpoint is read, if its files leave it open.
      overwrite: replace an existing output.
      dry_run: check everything, convert a SavedModel too, but write nothing.
      progress: called with the current step, the steps done and the total.

    Raises:
      BertferryError: see its `exit_code`; nothing remains at `output`.
    """
    target = Path(output)
    if target.suffix != SUFFIX:
        raise UsageError(
            f"{target}: LiteRT's clients look for the suffix {SUFFIX}: name such a file with --output"
        )
    clear_leftovers(target)
    read = (checkpoint, saved_model, options.inputs, *source.files)
    check_new_file(target, overwrite=overwrite, sources=read)
    opened, options = _open_source(checkpoint, saved_model, options, source, target)
    check_installed("exporting a LiteRT file", "tensorflow", *(LITERT if options.verify else ()))
    if options.inputs is not None:
        opened.probes(options.inputs, options.precision)  # what does not fit must be reported before the work
    tell = progress or no_progress
    takes, returns = opened.interface()
    report = LitertReport(
        str(checkpoint if checkpoint is not None else saved_model), str(output), options.precision, takes, returns
    )
    if dry_run:
        if saved_model is not None:
            _convert(opened, options, tell)
        return replace(report, notes=opened.notes())
    with new_file(target, overwrite=overwrite) as staging:
        parity = write_and_check(staging, opened, target, options, tell)
        size = staging.stat().st_size
    return replace(
        report,
        total_bytes=size,
        parity=None if parity is None else parity.to_dict(),
        verdict=report.verdict if parity is None else parity.verdict(),
        notes=opened.notes(),
    )


def _open_source(
    checkpoint: str | Path | None,
    saved_model: str | Path | None,
    options: LitertOptions,
    source: SourceOptions,
    target: Path,
) -> tuple[Source, LitertOptions]:
    """The source, and the options with the names that follow from it if none are given."""
    if (checkpoint is None) == (saved_model is None):
        raise UsageError("give one source: --checkpoint PATH or --saved-model DIR")
    if checkpoint is not None:
        check_stated(source, options.task)
        found = open_checkpoint(checkpoint, source)
        naming = options.names or default_naming(found.layout.family, target)
        return CheckpointSource(found, options.task, naming), replace(options, names=naming)
    return SavedModelSource(Path(str(saved_model)), options.signature), options


def write_and_check(
    staging: Path, source: Source, target: Path, options: LitertOptions, tell: ProgressCallback
) -> Report | None:
    """Writes the file and compares it with its source; returns the parity report, if it does.

    Raises:
      DataError: LiteRT cannot express an operation, or the file does not compute what its source computes.
    """
    staging.write_bytes(_convert(source, options, tell))
    append_notes(staging, {**source.file_notes(), "precision": options.precision})
    return _check(staging, source, target, options, tell) if options.verify else None


def _convert(source: Source, options: LitertOptions, tell: ProgressCallback) -> bytes:
    tell("converting the graph", 0, 1)
    with TemporaryFolder() as folder:
        return source.convert(folder, options)


def _check(staging: Path, source: Source, target: Path, options: LitertOptions, tell: ProgressCallback) -> Report:
    """Compares the file with its source.

    Raises:
      DataError: it does not compute what its source computes.
    """
    parity = check_parity(source, staging, target, options, continue_after(1, tell))
    if not parity.ok:
        guessed = source.any_values and options.inputs is None
        hint = "; if such inputs never occur, give others with --inputs FILE.npz" if guessed else ""
        raise DataError(f"{target}: not written: the file differs from its source: {parity.verdict()}{hint}")
    return parity
