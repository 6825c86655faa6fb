"""export_onnx: from a checkpoint in any layout, or from any SavedModel, to an ONNX file proven equal to it."""

import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.convert.report import in_units
from bertferry.core.atomic import check_new_file, clear_leftovers, new_file
from bertferry.core.errors import DataError, UnavailableError, UsageError
from bertferry.core.results import Result, Schema
from bertferry.export.onnx.options import OnnxOptions
from bertferry.export.onnx.sources import CheckpointSource, SavedModelSource, Source
from bertferry.export.progress import continue_after, ignore_progress
from bertferry.verify import PROFILES, Report, Tolerance
from bertferry.verify.artifact import onnx_artifact
from bertferry.verify.execution import Execution
from bertferry.verify.probes import Probe
from bertferry.verify.side_by_side import Judgement, Progress, compare_artifacts

if TYPE_CHECKING:  # it imports ONNX, which a wrong flag must not wait for
    from bertferry.export.onnx.build import Built

TOLERANCES = {
    "fp32": PROFILES["fp32-cross"],
    "fp16": PROFILES["fp16"],
    # How much eight bits lose depends on the weights: it is measured and reported, not judged.
    "int8": Tolerance("int8, reported only", math.inf, 0.0),
}

INSTALLED_BY = {
    "onnxruntime": "pip install 'bertferry[cpu]' or 'bertferry[gpu]'",
    "tf2onnx": "pip install tf2onnx, which every installation of bertferry asks for",
}


@dataclass(frozen=True)
class OnnxReport(Result):
    """An ONNX export: source, file, sizes in bytes and the parity verdict. The sizes of a dry run are None."""

    SCHEMA = Schema.ONNX_EXPORT

    source: str
    output: str
    precision: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weight_bytes: int | None
    total_bytes: int | None
    parity: dict[str, Any] | None
    verdict: str

    def render(self) -> str:
        """The few lines that a terminal shows."""
        interface = f"{', '.join(self.inputs)} → {', '.join(self.outputs)}"
        if self.total_bytes is None or self.weight_bytes is None:
            return f"would export {self.source} to {self.output}\n  {self.precision}; {interface}"
        return (
            f"exported {self.source} to {self.output} ({in_units(self.total_bytes)})\n"
            f"  {self.precision}, {in_units(self.weight_bytes)} of weights; {interface}\n"
            f"  parity with the source: {self.verdict}"
        )


def export_onnx(
    output: str | Path,
    options: OnnxOptions = OnnxOptions(),
    *,
    checkpoint: str | Path | None = None,
    saved_model: str | Path | None = None,
    source: SourceOptions = SourceOptions(),
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> OnnxReport:
    """Exports a checkpoint's task, or a SavedModel's signature, as an ONNX file, and compares the two.

    Args:
      output: the file to create; with external data, `output.data` beside it.
      options: how the graph is written.
      checkpoint: a BERT in any layout.
      saved_model: any TF2 SavedModel, in place of a checkpoint.
      source: how the checkpoint is read, where its files leave it open.
      overwrite: replace an existing output.
      dry_run: check everything, write nothing.
      progress: called as the work goes on.

    Raises:
      BertferryError: as its `exit_code` says; nothing is left at `output` then.
    """
    if (checkpoint is None) == (saved_model is None):
        raise UsageError("give one source: --checkpoint PATH or --saved-model DIR")
    target = Path(output)
    clear_leftovers(target)
    check_new_file(target, overwrite=overwrite)
    if checkpoint is not None:
        opened: Source = CheckpointSource(open_checkpoint(checkpoint, source), options.task)
    else:
        opened = SavedModelSource(Path(str(saved_model)), options.signature)
    given = str(checkpoint if checkpoint is not None else saved_model)
    check_onnx_installed()
    opened.check(options)
    if dry_run:
        interface = opened.interface()
        return OnnxReport(given, str(output), options.precision, *interface, None, None, None, "not checked")
    with new_file(target, overwrite=overwrite) as staging:
        built, weight_bytes, parity = _write_and_check(
            staging, opened, target, options, progress or ignore_progress
        )
        written = {path.name: path.stat().st_size for path in staging.parent.iterdir()}
    beside = target.with_name(f"{target.name}.data")
    if beside.name not in written:
        beside.unlink(missing_ok=True)  # of an output that this one replaced
    return OnnxReport(
        source=given,
        output=str(output),
        precision=options.precision,
        inputs=built.inputs,
        outputs=built.outputs,
        weight_bytes=weight_bytes,
        total_bytes=sum(written.values()),
        parity=None if parity is None else parity.to_dict(),
        verdict="not checked" if parity is None else parity.verdict(),
    )


def _write_and_check(
    staging: Path, source: Source, target: Path, options: OnnxOptions, tell: Progress
) -> tuple["Built", int, Report | None]:
    """Writes the graph; returns it, the bytes of its weights in the file, and what was proven about it.

    Raises:
      DataError: it computes something else than its source.
    """
    from bertferry.export.onnx.build import build, write

    tell("building the graph", 0, 2)
    built = build(source, options)
    what = "quantizing" if options.precision == "int8" else "writing"
    tell(f"{what} {in_units(built.weight_bytes)} of weights", 1, 2)
    weight_bytes = write(staging, built, options)
    parity = check_parity(source, staging, target, options, continue_after(2, tell)) if options.verify else None
    if parity is not None and not parity.ok:
        raise DataError(f"{target}: not written: the graph computes something else: {parity.verdict()}")
    return built, weight_bytes, parity


def check_onnx_installed() -> None:
    """Asks for what translates a graph, and for what runs it, which the base installation leaves to the extras.

    Raises:
      UnavailableError: ONNX Runtime or tf2onnx is not there.
    """
    for package, way_out in INSTALLED_BY.items():
        if find_spec(package) is None:
            raise UnavailableError(f"{package} is not installed: {way_out}")


def check_parity(
    source: Source, path: Path, target: Path, options: OnnxOptions, progress: Progress | None = None
) -> Report:
    """The written file, which is to be `target`, against its source, with ONNX Runtime's graph optimizations and
    without them."""
    given = source.probe_inputs()
    return compare_artifacts(
        source.artifact(),
        [
            onnx_artifact(
                path, Execution(graph_optimization=level), widen=options.floats == "float16", shown=target
            )
            for level in ("none", "all")
        ],
        Judgement(TOLERANCES[options.precision], task=source.task),
        inputs=[] if given is None else [Probe("given inputs", given)],
        progress=progress,
    )
