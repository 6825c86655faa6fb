"""Benchmarks converting random checkpoints of BERT-base and BERT-large against copying them.

Usage: convert.py [--runs N] [--sizes base large] [--baseline-python PYTHON]

Conversions are whole commands, in runs that alternate with the baselines: `cp` of the same bytes followed by
`sync` and, for BERT-base, the converter of tf-models-official in the environment of PYTHON, by default
$BERTFERRY_GARDEN_PYTHON. Prints the Markdown of docs/benchmarks.md.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measure import Run, median, run

TOOLS = Path(__file__).parent.parent
CONVERT = "from bertferry.convert.command import run; run()"
COPY = 'cp -r "$0" "$1" && sync'
BASELINE = "official.nlp.tools.tf2_bert_encoder_checkpoint_converter"

Commands = dict[str, list[str | Path]]
"""Commands by what they do; each writes the directory that is its last argument, or a checkpoint in it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", default=["base", "large"])
    parser.add_argument("--baseline-python", default=os.environ.get("BERTFERRY_GARDEN_PYTHON"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            measure(size, Path(folder) / size, arguments)


def measure(size: str, folder: Path, arguments: argparse.Namespace) -> None:
    """Prints a table per source of this size: the conversions of it, then the baselines."""
    tf1, huggingface, out = folder / "tf1", folder / "huggingface", folder / "out"
    run([sys.executable, TOOLS / "random_checkpoint.py", size, tf1])
    run(conversion(tf1, huggingface, "huggingface"))
    from_tf1: Commands = {
        "tf1 → keras_bert": conversion(tf1, out, "keras_bert"),
        "tf1 → huggingface": conversion(tf1, out, "huggingface"),
        "baseline: cp, sync": ["sh", "-c", COPY, tf1, out],
    }
    if arguments.baseline_python and size == "base":
        flags = [f"--bert_config_file={tf1}/bert_config.json", f"--checkpoint_to_convert={tf1}/bert_model.ckpt"]
        flags += [f"--converted_checkpoint_path={out}/bert_model.ckpt"]
        from_tf1["baseline: tf-models-official"] = [arguments.baseline_python, "-m", BASELINE, *flags]
    from_huggingface: Commands = {
        "huggingface → tf1": conversion(huggingface, out, "tf1"),
        "baseline: cp, sync": ["sh", "-c", COPY, huggingface, out],
    }
    print("| size | command | wall, s | × cp | processor, s | memory, MB |\n|---|---|---|---|---|---|")
    for commands in (from_tf1, from_huggingface):
        report(size, alternate(commands, out, arguments.runs))


def conversion(source: Path, target: Path, layout: str) -> list[str | Path]:
    casing = ["--do-lower-case"] if layout == "huggingface" else []
    return [sys.executable, "-c", CONVERT, "--input", source, "--to", layout, *casing, "--output", target]


def alternate(commands: Commands, out: Path, count: int) -> dict[str, list[Run]]:
    """Runs each command in turn, several times; what it wrote is removed after each run."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(count):
        for name, command in commands.items():
            if "official" in name:
                out.mkdir()
            runs[name].append(run(command))
            shutil.rmtree(out)
    return runs


def report(size: str, runs: dict[str, list[Run]]) -> None:
    copied = statistics.median(one.wall for one in runs["baseline: cp, sync"])
    for name, measured in runs.items():
        wall, processor = median([one.wall for one in measured]), median([one.processor for one in measured])
        ratio = statistics.median(one.wall for one in measured) / copied
        memory = statistics.median(one.private_peak for one in measured) * 1000
        print(f"| {size} | {name} | {wall} | {ratio:.1f} | {processor} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
