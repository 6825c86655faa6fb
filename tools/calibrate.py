"""Measures the differences between correct artifacts, on which the profiles of verify-parity are calibrated.

Usage: calibrate.py MINILM > docs/calibration.md

MINILM is the folder of all-MiniLM-L6-v2. Exports its Hub modules and ONNX files, and those of a random BERT-base,
in every precision, runs them and the networks on the CPU, and compares them with the NumPy network. The rows of a
GPU remain empty: `python tools/gpu --fill RESULTS.json` fills them.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from device_rows import empty_rows
from provenance import provenance
from random_checkpoint import config_of, values, write

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.core.quiet import hold_back_stderr, own_stderr
from bertferry.export import ModuleOptions, OnnxOptions, export_hub_module, export_onnx
from bertferry.verify import ParityOptions, verify_parity
from bertferry.verify.artifact import (
    Artifact,
    checkpoint_artifact,
    onnx_artifact,
    saved_model_artifact,
)
from bertferry.verify.artifact_comparison import Judgment, compare_artifacts
from bertferry.verify.execution import Execution
from bertferry.verify.report import CandidateResult
from bertferry.verify.statistics import Statistics
from bertferry.verify.tolerance import PROFILES

PAGE = """# The tolerances are calibrated

The output of `python tools/calibrate.py MINILM` ({made}, {cores} CPU cores). It
exports artifacts of a checkpoint and compares them with the checkpoint in NumPy on all standard probes, of three
seeds for all-MiniLM-L6-v2 and of one for a random BERT-base (`tools/random_checkpoint.py base`). *Needed atol* is
the absolute tolerance required with the relative one of the profile ([verification.md](verification.md)), *local
noise* the most that one step of the network added. The rows of a GPU are of `python tools/gpu` ([gpu.md](gpu.md)).

Rows of a GPU: not measured."""

LOWER = SourceOptions(do_lower_case=True)

COLUMNS = (
    "profile",
    "candidate",
    "needed atol",
    "minimum SQNR, dB",
    "minimum cosine",
    "rank correlation",
    "local noise",
)
EIGHT_BITS = """
## all-MiniLM-L6-v2 in eight bits on texts

The ONNX file in int8 against the stored outputs of PyTorch (`tests/fixtures/golden`) for eight sentences, unmasked
positions. Random tokens are nothing that eight bits can be judged on.

| output | minimum SQNR, dB | minimum cosine | rank correlation |
|---|---|---|---|"""
STORED = Path(__file__).parents[1] / "tests/fixtures/golden/minilm_l6_v2_reference.npz"


def artifacts(checkpoint: Path, folder: Path) -> Iterator[Artifact]:
    """Yields correct artifacts, exported one after another."""
    opened = open_checkpoint(checkpoint)
    for precision in ("fp32", "fp16", "bf16"):
        module = folder / f"hub-{precision}"
        export_hub_module(
            checkpoint,
            module,
            ModuleOptions(precision=precision, verify=False),
            source=LOWER,
        )
        yield replace(saved_model_artifact(module, "hub"), name=f"Hub module, {precision}")
    for optimize, precision in (("none", "fp32"), ("ort", "fp32"), ("none", "fp16"), ("none", "int8")):
        path = folder / f"{optimize}-{precision}.onnx"
        export_onnx(
            path,
            OnnxOptions(precision=precision, optimize=optimize, names="tensorflow", verify=False),
            checkpoint=checkpoint,
        )
        yield replace(onnx_artifact(path), name=f"ONNX, {precision}{', fused' * (optimize == 'ort')}")
        path.unlink()
    yield replace(checkpoint_artifact(opened, "encoder", Execution(precision="fp64")), name="NumPy, fp64")
    for precision in ("fp32", "fp16", "bf16"):
        network = checkpoint_artifact(opened, "encoder", Execution(precision=precision, engine="tensorflow"))
        yield replace(network, name=f"Keras, {precision}")
    for device in ("xla", "tpu-emulated"):
        network = checkpoint_artifact(opened, "encoder", Execution(device))
        yield replace(network, name=f"Keras, {device}")


def row(candidates: list[CandidateResult]) -> str:
    """The worst figures over all seeds, as cells of a row."""
    statistics = [
        diff.statistics
        for candidate in candidates
        for probe in candidate.probes
        for diff in probe.diffs
        if diff.statistics
    ]
    ranks = [metric.value for candidate in candidates for metric in candidate.metrics if metric.judged]
    noise = [point.local for candidate in candidates if candidate.drift for point in candidate.drift.points]
    return " | ".join(
        (
            f"{max(s.needed_atol for s in statistics):.1e}",
            f"{min(s.sqnr_db for s in statistics):.0f}",
            f"{min(s.worst_row_cosine for s in statistics):.5f}",
            f"{min(ranks):.5f}",
            f"{max(noise):.1e}" if noise else "–",
        )
    )


def main() -> None:
    """Prints the page."""
    minilm = Path(sys.argv[1])
    print(PAGE.format(made=provenance(), cores=os.cpu_count()))
    print_table("all-MiniLM-L6-v2", minilm, 3)
    with tempfile.TemporaryDirectory() as folder:
        config = config_of("base")
        write(Path(folder), config, values(config))
        print_table("A random BERT-base", Path(folder), 1)
    print_eight_bits(minilm)


def print_table(title: str, checkpoint: Path, seeds: int) -> None:
    """Prints one row for each artifact of a checkpoint, with the worst figures over all probes of all seeds."""
    reference = checkpoint_artifact(open_checkpoint(checkpoint), "encoder")
    print(f"\n## {title}\n\n| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for candidate in artifacts(checkpoint, Path(folder)):
            print(f"{title}: {candidate.name}", file=own_stderr())
            cells = figures(reference, candidate, seeds)
            print(f"| `{candidate.profile}` | {candidate.name} | {cells} |", flush=True)
    print("\n".join(empty_rows()), flush=True)


def figures(reference: Artifact, candidate: Artifact, seeds: int) -> str:
    """The worst figures over all probes of all seeds, as cells of a row."""
    judgments = [Judgment(PROFILES[candidate.profile], seed=seed, localize=True) for seed in range(seeds)]
    reports = [compare_artifacts(reference, [candidate], judgment) for judgment in judgments]
    return row([report.candidates[0] for report in reports])


def print_eight_bits(minilm: Path) -> None:
    """Prints one row for each output of the quantized graph, on texts."""
    print(EIGHT_BITS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export_onnx(path, OnnxOptions(precision="int8", verify=False), checkpoint=minilm)
        options = ParityOptions(profile="int8", positions="unmasked")
        result = verify_parity(STORED, [path], options).candidates[0]
    statistics: dict[str, list[Statistics]] = {}
    for probe in result.probes:
        for diff in probe.diffs:
            statistics.setdefault(diff.output, []).append(diff.statistics)
    for output, measured in statistics.items():
        ranks = [
            metric.value for metric in result.metrics if metric.name.startswith("ranks") and output in metric.name
        ]
        figures = (
            f"{min(one.sqnr_db for one in measured):.1f}",
            f"{min(one.worst_row_cosine for one in measured):.3f}",
            f"{min(ranks):.3f}" if ranks else "–",
        )
        print(f"| `{output}` | {' | '.join(figures)} |")


if __name__ == "__main__":
    with hold_back_stderr():
        main()
