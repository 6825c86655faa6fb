"""Measures the differences between correct artifacts, on which the profiles of verify-parity are calibrated.

Usage: calibrate.py CHECKPOINT [SEEDS]

Exports Hub modules and ONNX files of the checkpoint in every precision, runs them and its networks on every
available device, and compares them with its NumPy network. Prints one row of a Markdown table for each, over
all probes of all seeds: the absolute tolerance required with the profile's relative one, the minimum
signal-to-noise ratio, the minimum cosine similarity, and the most noise that a single step of the network
added.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bertferry.convert import open_checkpoint
from bertferry.core.errors import UnavailableError
from bertferry.core.quiet import hold_back_stderr, own_stderr
from bertferry.export import ModuleOptions, OnnxOptions, export_hub_module, export_onnx
from bertferry.verify.artifact import Artifact, checkpoint_artifact, onnx_artifact, saved_model_artifact
from bertferry.verify.artifact_comparison import Judgment, compare_artifacts
from bertferry.verify.execution import Execution
from bertferry.verify.report import CandidateResult
from bertferry.verify.tolerance import PROFILES

COLUMNS = (
    "profile",
    "candidate",
    "needed atol",
    "minimum SQNR, dB",
    "minimum cosine",
    "rank correlation",
    "local noise",
)


def artifacts(checkpoint: Path, folder: Path) -> Iterator[Artifact]:
    """Yields correct artifacts, exported one after another."""
    opened = open_checkpoint(checkpoint)
    for precision in ("fp32", "fp16", "bf16"):
        module = folder / f"hub-{precision}"
        export_hub_module(checkpoint, module, ModuleOptions(precision=precision, do_lower_case=True, verify=False))
        yield replace(saved_model_artifact(module, "hub"), name=f"Hub module, {precision}")
    for optimize, precision in (("none", "fp32"), ("ort", "fp32"), ("none", "fp16"), ("none", "int8")):
        path = folder / f"{optimize}-{precision}.onnx"
        export_onnx(path, OnnxOptions(precision=precision, optimize=optimize, verify=False), checkpoint=checkpoint)
        yield replace(onnx_artifact(path), name=f"ONNX, {precision}{', fused' * (optimize == 'ort')}")
        path.unlink()
    yield replace(checkpoint_artifact(opened, "encoder", Execution(precision="fp64")), name="NumPy, fp64")
    for precision in ("fp32", "fp16", "bf16"):
        network = checkpoint_artifact(opened, "encoder", Execution(precision=precision, engine="tensorflow"))
        yield replace(network, name=f"Keras, {precision}")
    for device, precision in (
        ("xla", None),
        ("tpu-emulated", None),
        ("gpu", None),
        ("gpu", "tf32"),
        ("gpu", "fp16"),
    ):
        network = checkpoint_artifact(opened, "encoder", Execution(device, precision))
        yield replace(network, name=f"Keras, {device}{'' if precision is None else f', {precision}'}")


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
    checkpoint, seeds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    reference = checkpoint_artifact(open_checkpoint(checkpoint), "encoder")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for candidate in artifacts(checkpoint, Path(folder)):
            print(candidate.name, file=own_stderr())
            tolerance = PROFILES[candidate.profile]
            try:
                results = [
                    compare_artifacts(reference, [candidate], Judgment(tolerance, seed=seed, localize=True))
                    for seed in range(seeds)
                ]
                figures = row([report.candidates[0] for report in results])
            except UnavailableError:
                figures = "not measured" + " |" * 4
            print(f"| `{candidate.profile}` | {candidate.name} | {figures} |", flush=True)


if __name__ == "__main__":
    with hold_back_stderr():
        main()
