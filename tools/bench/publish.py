"""Benchmarks publishing MiniLM and a random BERT-base, all ONNX files compared, against optimum and its quantizer.

Usage: publish.py MINILM --baseline-python PYTHON [--runs N]

MINILM is a folder of transformers. The sources are a tf1 checkpoint of it, and one of a random BERT-base. The
baseline is `optimum-cli export onnx`, then `optimum-cli onnxruntime quantize`, on the same weights as Hugging Face
safetensors in the environment of PYTHON: fp32 compared on one input, and int8, not compared. Both run in turn.
Prints the Markdown of docs/benchmarks.md.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measure import Run, median, run

TOOLS = Path(__file__).parent.parent
CONVERT = "from bertferry.convert.command import run; run()"
PUBLISH = "from bertferry.export.publish.command import run; run()"
STATED = ["--do-lower-case", "--pooling", "mean", "--normalize"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minilm", type=Path)
    parser.add_argument("--baseline-python", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    print("| model | command | wall, s | × wall | processor, s | peak memory, GB | × memory |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        convert(arguments.minilm, folder / "MiniLM", "tf1")
        run([sys.executable, TOOLS / "random_checkpoint.py", "base", folder / "BERT-base"])
        for model in ("MiniLM", "BERT-base"):
            convert(folder / model, folder / "huggingface", "huggingface", *STATED)
            measure(model, folder, arguments)
            shutil.rmtree(folder / "huggingface")


def convert(source: Path, target: Path, layout: str, *flags: str) -> None:
    run([sys.executable, "-c", CONVERT, "--input", source, "--to", layout, "--output", target, *flags])


def measure(model: str, folder: Path, arguments: argparse.Namespace) -> None:
    """Prints the rows of a model, whose checkpoint and folder of transformers exist."""
    optimum = arguments.baseline_python.with_name("optimum-cli")
    out, quantized = folder / "out", folder / "quantized"
    publish = [sys.executable, "-c", PUBLISH, "--checkpoint", folder / model, "--output", out, *STATED]
    task = ["--task", "feature-extraction", "--library-name", "transformers"]
    export = [optimum, "export", "onnx", "--model", folder / "huggingface", *task, out]
    quantize = [
        optimum,
        "onnxruntime",
        "quantize",
        "--onnx_model",
        out,
        "--avx512",
        "--per_channel",
        "-o",
        quantized,
    ]
    runs: dict[str, list[Run]] = {"publish-model": [], "baseline: optimum-cli": []}
    for _ in range(arguments.runs):
        runs["publish-model"].append(run(publish))
        shutil.rmtree(out)
        runs["baseline: optimum-cli"].append(joined(run(export), run(quantize)))
        shutil.rmtree(out)
        shutil.rmtree(quantized)
    for name, measured in runs.items():
        wall, memory = (
            ratio(
                [getattr(one, what) for one in measured],
                [getattr(one, what) for one in runs["baseline: optimum-cli"]],
            )
            for what in ("wall", "peak")
        )
        processor = median([one.processor for one in measured])
        print(f"| {model} | {name} | {wall} | {processor} | {memory} |", flush=True)


def ratio(values: list[float], baseline: list[float]) -> str:
    """Two cells: the median with its range, and relative to the baseline's."""
    return f"{median(values)} | {statistics.median(values) / statistics.median(baseline):.2f}"


def joined(first: Run, second: Run) -> Run:
    """Two commands, one after the other, as one."""
    peaks = max(first.peak, second.peak), max(first.private_peak, second.private_peak)
    return Run(first.wall + second.wall, first.processor + second.processor, *peaks, second.last_line)


if __name__ == "__main__":
    main()
