"""Benchmarks converting a random BERT-base and BERT-large from tf1 to keras_bert.

Usage: convert.py [--runs N] [--sizes base large] [--baseline-python PYTHON]

The lower bound is one RestoreV2 of every tensor and one SaveV2 of the same bytes in a separate process. The
baselines are `cp` and, with --baseline-python, the converter of tf-models-official in the environment of that
Python. Prints the Markdown of docs/benchmarks.md.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measure import Run, median, run

TOOLS = Path(__file__).parent.parent

OURS = """
import sys, time
import tensorflow
started = time.perf_counter()
from bertferry.convert import convert_checkpoint
convert_checkpoint(sys.argv[1], sys.argv[2], overwrite=True)
print(time.perf_counter() - started)
"""
LOWER_BOUND = """
import sys, time
import tensorflow as tf
started = time.perf_counter()
names = [name for name, _ in tf.train.list_variables(sys.argv[1])]
values = tf.raw_ops.RestoreV2(prefix=sys.argv[1], tensor_names=names, shape_and_slices=[""] * len(names),
                              dtypes=[tf.float32] * len(names))
tf.raw_ops.SaveV2(prefix=sys.argv[2], tensor_names=names, shape_and_slices=[""] * len(names), tensors=values)
print(time.perf_counter() - started)
"""
BASELINE = "official.nlp.tools.tf2_bert_encoder_checkpoint_converter"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", default=["base", "large"])
    parser.add_argument("--baseline-python")
    arguments = parser.parse_args()
    print("| size | command | wall, s | excluding imports, s | peak memory, GB |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            measure(size, Path(folder) / size, arguments)


def measure(size: str, folder: Path, arguments: argparse.Namespace) -> None:
    source = folder / "tf1"
    run([sys.executable, TOOLS / "random_checkpoint.py", size, source])
    prefix = source / "bert_model.ckpt"
    runs: dict[str, list[Run]] = {
        "convert-checkpoint": [],
        "lower bound: RestoreV2, SaveV2": [],
        "baseline: cp": [],
    }
    for _ in range(arguments.runs):
        runs["convert-checkpoint"].append(run([sys.executable, "-c", OURS, source, folder / "out"]))
        (folder / "lower-bound").mkdir(exist_ok=True)
        runs["lower bound: RestoreV2, SaveV2"].append(
            run([sys.executable, "-c", LOWER_BOUND, prefix, folder / "lower-bound" / "bert_model.ckpt"])
        )
        shutil.rmtree(folder / "lower-bound")
        runs["baseline: cp"].append(run(["cp", "-r", source, folder / "copy"]))
        shutil.rmtree(folder / "copy")
    if arguments.baseline_python and size == "base":
        target = folder / "baseline" / "bert_model.ckpt"
        target.parent.mkdir()
        command = [arguments.baseline_python, "-m", BASELINE, f"--bert_config_file={source}/bert_config.json"]
        command += [f"--checkpoint_to_convert={prefix}", f"--converted_checkpoint_path={target}"]
        runs["baseline: tf-models-official"] = [run(command)]
    for name, measured in runs.items():
        inner_times = [float(sample.last_line) for sample in measured if sample.last_line]
        inner = median(inner_times) if inner_times and name != "baseline: tf-models-official" else ""
        print(
            f"| {size} | {name} | {median([sample.wall for sample in measured])} | {inner} "
            f"| {median([sample.peak for sample in measured])} |"
        )


if __name__ == "__main__":
    main()
