"""Benchmarks exporting a random BERT-base as a Hub module against tf-models-official, then using both modules.

Usage: hub.py --baseline-python PYTHON [--runs N]

The baseline is `official.nlp.tools.export_tfhub` of tf-models-official in the environment of the given Python, on
the same weights in its own layout; it does not verify its output. Both modules are loaded, called and trained.
Prints the Markdown of docs/benchmarks.md.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measure import Run, median, run

TOOLS = Path(__file__).parent.parent
EXPORT = "import sys; from bertferry.export.command import run; run()"
CONVERT = """
import sys
from bertferry.convert import ConversionOptions, convert_checkpoint
convert_checkpoint(*sys.argv[1:3], ConversionOptions(to="garden_v1"))
"""
LOAD = """
import sys, time
import tensorflow_hub as hub
started, worked = time.perf_counter(), time.process_time()
hub.KerasLayer(sys.argv[1], trainable=True)
print(time.perf_counter() - started, time.process_time() - worked)
"""
CALLS = """
import json, sys, time
import numpy as np, tensorflow as tf, tensorflow_hub as hub
layers = [hub.KerasLayer(path, trainable=True) for path in sys.argv[2:]]
times = {}

def inputs(rows, length):
    ids = np.random.default_rng(0).integers(0, 30522, (rows, length), np.int32)
    arrays = ids, np.ones_like(ids), np.zeros_like(ids)
    return dict(zip(("input_word_ids", "input_mask", "input_type_ids"), map(tf.constant, arrays)))

def measure(name, calls):
    for call in calls:
        call()
    for _ in range(int(sys.argv[1])):
        for turn, call in enumerate(calls):
            started = time.perf_counter()
            call()
            times.setdefault(name, [[] for _ in calls])[turn].append(1000 * (time.perf_counter() - started))

def step(layer):
    batch = inputs(8, 128)

    @tf.function
    def train():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(layer(batch, training=True)["pooled_output"] ** 2)
        for weight, gradient in zip(layer.trainable_weights, tape.gradient(loss, layer.trainable_weights)):
            if gradient is not None:
                weight.assign_sub(1e-9 * tf.convert_to_tensor(gradient))
        return loss

    return lambda: train().numpy()

for rows, length in ((1, 128), (8, 128)):
    batch = inputs(rows, length)
    measure(f"({rows}, {length})",
            [lambda layer=layer: layer(batch, training=False)["pooled_output"].numpy() for layer in layers])
measure("training step (8, 128)", [step(layer) for layer in layers])
print(json.dumps(times))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--baseline-python", type=Path, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        run([sys.executable, TOOLS / "random_checkpoint.py", "base", base / "tf1"])
        run([sys.executable, "-c", CONVERT, base / "tf1", base / "garden"])
        exports(base, arguments)
        loads(base, arguments.runs)
        calls(base)


def exports(base: Path, arguments: argparse.Namespace) -> None:
    runs: dict[str, list[Run]] = {}
    for _ in range(arguments.runs):
        for name, flags in (("export-hub-module --no-verify", ["--no-verify"]), ("export-hub-module", [])):
            command = [sys.executable, "-c", EXPORT, "--checkpoint", base / "tf1", "--output", base / "ours"]
            runs.setdefault(name, []).append(run([*command, "--do-lower-case", "--overwrite", *flags]))
        shutil.rmtree(base / "baseline", ignore_errors=True)
        baseline = [arguments.baseline_python, "-m", "official.nlp.tools.export_tfhub", "--export_type=model"]
        baseline += ["--do_lower_case=True", f"--bert_config_file={base}/garden/bert_config.json"]
        baseline += [
            f"--model_checkpoint_path={base}/garden/bert_model.ckpt",
            f"--vocab_file={base}/tf1/vocab.txt",
        ]
        runs.setdefault("baseline: export_tfhub", []).append(run([*baseline, f"--export_path={base}/baseline"]))
    print("| command | wall, s | processor, s | peak memory, GB |\n|---|---|---|---|")
    for name, measured in runs.items():
        wall, processor = median([one.wall for one in measured]), median([one.processor for one in measured])
        print(f"| {name} | {wall} | {processor} | {median([one.peak for one in measured])} |")


def loads(base: Path, count: int) -> None:
    times: dict[str, list[list[float]]] = {"ours": [], "baseline": []}
    for _ in range(count):
        for name, measured in times.items():
            line = run([sys.executable, "-c", LOAD, base / name]).last_line
            measured.append([float(seconds) for seconds in line.split()])
    print("\n| module | hub.KerasLayer, s | processor, s | saved_model.pb, MB |\n|---|---|---|---|")
    for name, measured in times.items():
        size = (base / name / "saved_model.pb").stat().st_size / 1e6
        label = "bertferry" if name == "ours" else "baseline: export_tfhub"
        wall, processor = (median(column) for column in zip(*measured, strict=True))
        print(f"| {label} | {wall} | {processor} | {size:.2f} |", flush=True)


def calls(base: Path) -> None:
    times = run([sys.executable, "-c", CALLS, "12", base / "ours", base / "baseline"]).last_line
    print("\n| call, ms | bertferry | baseline: export_tfhub |\n|---|---|---|")
    for name, (ours, baseline) in json.loads(times).items():
        print(f"| {name} | {median(ours)} | {median(baseline)} |")


if __name__ == "__main__":
    main()
