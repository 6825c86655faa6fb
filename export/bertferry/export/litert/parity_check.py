"""Compares a written LiteRT file with its source."""

from pathlib import Path

from bertferry.core.progress import ProgressCallback
from bertferry.export.litert.options import LitertOptions
from bertferry.export.litert.source import Source
from bertferry.export.onnx.parity_check import TOLERANCES
from bertferry.verify import PROFILES, Report
from bertferry.verify.artifact import under_names
from bertferry.verify.artifact_comparison import Judgment, compare_artifacts
from bertferry.verify.litert_artifact import litert_artifact
from bertferry.verify.tolerance import loosest


def check_parity(
    source: Source, path: Path, target: Path, options: LitertOptions, progress: ProgressCallback | None = None
) -> Report:
    """Compares the written file, shown as `target`, with its source, within the tolerances of ONNX files."""
    reference = source.artifact()
    tolerance = TOLERANCES[options.precision]
    if reference.profile != "fp32" and options.precision != "int8":  # a source that computes in less
        tolerance = PROFILES[loosest((reference.profile, options.precision))]
    candidate = litert_artifact(path, signature=source.signature, shown=target)
    return compare_artifacts(
        reference,
        [under_names(candidate, source.standard_names) if source.standard_names else candidate],
        Judgment(
            tolerance,
            task=source.task,
            any_values=source.any_values,
            outputs="common" if source.returns_less else "all",
        ),
        inputs=source.probes(options.inputs, options.precision),
        progress=progress,
    )
