"""Benchmarks comparing a random BERT-base checkpoint with its ONNX file and its Hub module on all probes.

Usage: verify.py [--runs N]

Prints the Markdown of docs/benchmarks.md.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measure import Run, median, run

TOOLS = Path(__file__).parent.parent
HUB = "import sys; from bertferry.export.command import run; run()"
ONNX = "import sys; from bertferry.export.onnx.command import run; run()"
VERIFY = "import sys; from bertferry.verify.command import run; run()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        base, hub, onnx = (Path(folder) / name for name in ("base", "hub", "base.onnx"))
        run([sys.executable, TOOLS / "random_checkpoint.py", "base", base])
        source = ["--checkpoint", base, "--no-verify", "--output"]
        run([sys.executable, "-c", HUB, *source, hub, "--do-lower-case"])
        run([sys.executable, "-c", ONNX, *source, onnx])
        graph: list[str | Path] = ["--reference", base, "--candidate", onnx]
        rows = {
            "ONNX file": _runs(runs, *graph),
            "ONNX file, `--localize`": _runs(runs, *graph, "--localize"),
            "ONNX file, `--engine tensorflow`": _runs(runs, *graph, "--engine", "tensorflow"),
            "ONNX file, `--reference-precision fp64`": _runs(runs, *graph, "--reference-precision", "fp64"),
            "Hub module and ONNX file": _runs(runs, *graph, "--candidate", hub),
            "`--help`": _runs(runs, "--help"),
        }
    print("| verify-parity of the checkpoint with its | wall, s | processor, s | peak, GB |\n|---|---|---|---|")
    for name, measured in rows.items():
        wall, processor = median([one.wall for one in measured]), median([one.processor for one in measured])
        print(f"| {name} | {wall} | {processor} | {median([one.peak for one in measured])} |")
    print(f"\nVerdict: {rows['ONNX file'][-1].last_line}")


def _runs(count: int, *arguments: str | Path) -> list[Run]:
    return [run([sys.executable, "-c", VERIFY, *arguments]) for _ in range(count)]


if __name__ == "__main__":
    main()
