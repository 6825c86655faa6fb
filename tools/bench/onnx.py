"""Benchmarks exporting a random BERT-base as ONNX against optimum, and the files' latency in ONNX Runtime.

Usage: onnx.py [--runs N] [--baseline-python PYTHON] [--large] [--stock]

The baseline is `optimum-cli export onnx` on the same weights as Hugging Face safetensors, in the environment of
the given Python. --stock also converts the Hub module of the same weights with `python -m tf2onnx.convert`, which
takes minutes and 20 GB. Prints the Markdown of docs/benchmarks.md.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measure import Run, median, run

TOOLS = Path(__file__).parent.parent
SHAPES = ((1, 128), (8, 128), (1, 512))
CONVERT = """
import sys
from bertferry.convert import ConversionOptions, convert_checkpoint, SourceOptions
convert_checkpoint(*sys.argv[1:3], ConversionOptions(to="huggingface"), source=SourceOptions(do_lower_case=True))
"""
EXPORT = "import sys; from bertferry.export.onnx.command import run; run()"
HUB = "import sys; from bertferry.export.command import run; run()"
CASED = ["--do-lower-case"]
BASELINE = "baseline: optimum-cli"
LATENCY = """
import json, sys, time
import numpy as np, onnxruntime
rows, length, runs = map(int, sys.argv[1:4])
sessions = []
for path in sys.argv[4:]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = {}
    for value in session.get_inputs():
        dtype = np.int32 if value.type == "tensor(int32)" else np.int64
        upper = 30522 if "ids" in value.name and "type" not in value.name else 2
        feeds[value.name] = np.ones((rows, length), dtype) * (upper // 2)
    names = [session.get_outputs()[0].name]
    session.run(names, feeds)
    sessions.append((session, names, feeds))
times = [[] for _ in sessions]
for _ in range(runs):
    for index, (session, names, feeds) in enumerate(sessions):
        started = time.perf_counter()
        session.run(names, feeds)
        times[index].append(1000 * (time.perf_counter() - started))
print(json.dumps(times))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--baseline-python", type=Path)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--stock", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        run([sys.executable, TOOLS / "random_checkpoint.py", "base", base / "tf1"])
        run([sys.executable, "-c", CONVERT, base / "tf1", base / "hf"])
        if arguments.runs:
            exports(base, arguments)
            latencies(base, arguments)
        if arguments.stock:
            against_stock(base)
        if arguments.large:
            run([sys.executable, TOOLS / "random_checkpoint.py", "large", base / "large"])
            large = export(base / "large", base / "large.onnx", "--no-verify")
            print(f"\nBERT-large, not verified: {large.wall:.1f} s, {large.peak:.2f} GB")


def against_stock(base: Path) -> None:
    """Converts a SavedModel with both tools, one run each."""
    run([sys.executable, "-c", HUB, "--checkpoint", base / "tf1", "--output", base / "hub", "--no-verify", *CASED])
    ours = run([sys.executable, "-c", EXPORT, "--saved-model", base / "hub", "--output", base / "saved.onnx"])
    command = [sys.executable, "-m", "tf2onnx.convert", "--saved-model", base / "hub", "--opset", "18"]
    stock = run([*command, "--output", base / "stock.onnx"])
    print("\n| SavedModel to ONNX | wall, s | peak memory, GB | file, MB |\n|---|---|---|---|")
    for name, measured, path in (
        ("export-onnx --saved-model, including verification", ours, "saved"),
        ("baseline: python -m tf2onnx.convert", stock, "stock"),
    ):
        size = (base / f"{path}.onnx").stat().st_size / 1e6
        print(f"| {name} | {measured.wall:.1f} | {measured.peak:.2f} | {size:.0f} |", flush=True)


def export(source: Path, output: Path, *flags: str) -> Run:
    command = [sys.executable, "-c", EXPORT, "--checkpoint", source, "--output", output, "--overwrite", *flags]
    return run(command)


def exports(base: Path, arguments: argparse.Namespace) -> None:
    runs: dict[str, list[Run]] = {"export-onnx --no-verify": [], "export-onnx": []}
    for _ in range(arguments.runs):
        runs["export-onnx --no-verify"].append(export(base / "tf1", base / "none.onnx", "--no-verify"))
        runs["export-onnx"].append(export(base / "tf1", base / "none.onnx"))
        if arguments.baseline_python:
            optimum = arguments.baseline_python.parent / "optimum-cli"
            command = [optimum, "export", "onnx", "--model", base / "hf", "--task", "feature-extraction"]
            runs.setdefault(BASELINE, []).append(run([*command, base / "optimum"], HF_HUB_OFFLINE="1"))
    print("| command | wall, s | peak memory, GB | × baseline |\n|---|---|---|---|")
    for name, measured in runs.items():
        wall, peak = (median([getattr(sample, figure) for sample in measured]) for figure in ("wall", "peak"))
        print(f"| {name} | {wall} | {peak} | {ratios(measured, runs.get(BASELINE, []))} |")
    graphs = {"ort": ("ort", "fp32"), "ort16": ("ort", "fp16"), "int8": ("none", "int8"), "ort8": ("ort", "int8")}
    for name, (optimize, precision) in graphs.items():
        flags = ("--optimize", optimize, "--precision", precision, "--no-verify")
        export(base / "tf1", base / f"{name}.onnx", *flags)
    sizes = {name: (base / f"{name}.onnx").stat().st_size / 1e6 for name in ("none", *graphs)}
    print("\nSizes in MB: " + ", ".join(f"{name} {size:.1f}" for name, size in sizes.items()))


def ratios(runs: list[Run], baseline: list[Run]) -> str:
    """Median wall time and peak memory relative to the baseline's."""
    if not baseline:
        return ""
    wall, peak = (
        statistics.median(getattr(sample, figure) for sample in runs)
        / statistics.median(getattr(sample, figure) for sample in baseline)
        for figure in ("wall", "peak")
    )
    return f"{wall:.2f} wall, {peak:.2f} memory"


def latencies(base: Path, arguments: argparse.Namespace) -> None:
    graphs = {name: base / f"{name}.onnx" for name in ("none", "ort", "int8", "ort8")}
    if arguments.baseline_python:
        optimum = arguments.baseline_python.parent / "optimum-cli"
        command = [optimum, "export", "onnx", "--model", base / "hf", "--task", "feature-extraction"]
        run([*command, "--optimize", "O2", base / "o2"], HF_HUB_OFFLINE="1")
        graphs["baseline: optimum O2"] = base / "o2" / "model.onnx"
    print("\n| latency, ms | " + " | ".join(graphs) + " |\n|---|" + "---|" * len(graphs))
    for rows, length in SHAPES:
        times = run([sys.executable, "-c", LATENCY, str(rows), str(length), "12", *graphs.values()]).last_line
        print(
            f"| ({rows}, {length}) | "
            + " | ".join(median(graph_times) for graph_times in json.loads(times))
            + " |"
        )


if __name__ == "__main__":
    main()
