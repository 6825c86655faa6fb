"""Compares a written graph with its source."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bertferry.core.progress import ProgressCallback
from bertferry.export.embedded_texts import ON_TEXTS
from bertferry.export.onnx.options import OnnxOptions
from bertferry.export.onnx.source import Source
from bertferry.verify import PROFILES, Report, Tolerance
from bertferry.verify.artifact import onnx_artifact, under_names
from bertferry.verify.artifact_comparison import Judgment, compare_artifacts
from bertferry.verify.execution import Execution
from bertferry.verify.tolerance import loosest

TOLERANCES = {
    "fp32": PROFILES["fp32-cross"],
    "fp16": PROFILES["fp16"],
    "bf16": PROFILES["bf16"],
    # The loss of eight bits depends on the weights: it is measured and reported, and judged on texts only.
    "int8": Tolerance("int8, reported only", math.inf, 0.0),
}
QUICK_PROBES = ("mixed", "length 1", "mask with holes", "a row of padding")
"""Standard probes that show any difference between two ways to run the same graph."""
SHORT_PROBES = (*QUICK_PROBES, "batch of 1", "odd length", "left padding")
"""Those of few tokens, on which every operation runs; the others take four fifths of the time."""
EMULATION = "computed in float32 with every result rounded to {floats}"
COMPARED = {
    "fp16": f"the file, which ONNX Runtime's CPU provider computes partly in float32, and the file {EMULATION}",
    "bf16": f"the file {EMULATION}: ONNX Runtime's CPU provider has no bfloat16 kernels",
}
"""What takes the place of the file itself in the check, by precision."""


def is_emulated(source: Source, options: OnnxOptions) -> bool:
    """Whether the check also computes the file as hardware with kernels of its type does."""
    return source.stays_half and options.between != "float32"


def describe_compared(source: Source, options: OnnxOptions) -> str:
    """What `check_parity` compares with the source."""
    if not is_emulated(source, options):
        return "the file"
    return COMPARED[options.precision].format(floats=options.between)


def check_parity(
    source: Source, path: Path, target: Path, options: OnnxOptions, progress: ProgressCallback | None = None
) -> Report:
    """Compares the written file, shown as `target`, with its source.

    ONNX Runtime runs it with its graph optimizations, as it does by default, and without them on a few probes. In
    half precision, it is also computed as hardware with such kernels does, on short probes: see `emulate_half`. In
    eight bits, embeddings of texts are judged; other outputs are measured.
    """
    reference = source.artifact()
    tolerance = TOLERANCES[options.precision]
    if reference.profile != "fp32" and options.precision != "int8":  # a source that computes in less
        tolerance = PROFILES[loosest((reference.profile, options.precision))]
    texts = source.texts(reference) if options.precision == "int8" and options.inputs is None else ()
    with _emulation(path, source, options) as emulation:
        probes = texts or source.probes(options)
        candidates = [
            replace(onnx_artifact(path, Execution(graph_optimization=level), shown=target), only=only)
            for level, only in _levels(source, options, given=bool(probes), on_texts=bool(texts)).items()
        ]
        if emulation is not None:
            name = f"onnx {target} ({EMULATION.format(floats=options.between)})"
            artifact = onnx_artifact(emulation, Execution(graph_optimization="none"))
            candidates.append(replace(artifact, name=name, only=() if probes or not candidates else SHORT_PROBES))
        outputs = "common" if source.returns_less else "all"
        return compare_artifacts(
            reference,
            [under_names(side, source.standard_names) if source.standard_names else side for side in candidates],
            Judgment(
                ON_TEXTS if texts else tolerance,
                task=source.task,
                positions="unmasked" if texts else "all",
                any_values=source.any_values,
                outputs=outputs,
            ),
            inputs=probes,
            progress=progress,
        )


def _levels(source: Source, options: OnnxOptions, *, given: bool, on_texts: bool) -> dict[str, tuple[str, ...]]:
    """The levels of graph optimization at which a file runs with the standard probes there, all if none is named.

    `given` inputs take the place of these.
    """
    if options.precision == "bf16":  # for which the CPU provider has no kernels
        return {}
    if on_texts:
        return {"all": ()}
    if source.compares_less:
        return {"all": () if given else SHORT_PROBES}
    return {"all": (), "none": () if given else QUICK_PROBES}


@contextmanager
def _emulation(path: Path, source: Source, options: OnnxOptions) -> Iterator[Path | None]:
    """The emulation of a file in half precision, which lies next to it, where its external data is found."""
    if not is_emulated(source, options):
        yield None
        return
    import onnx

    from bertferry.core.onnx_files.emulate import emulate_half

    emulation = path.with_name(f"{path.name}.emulation")
    model = onnx.load(str(path), load_external_data=False)
    emulation.write_bytes(emulate_half(model).SerializeToString())
    del model
    try:
        yield emulation
    finally:
        emulation.unlink()
