"""Converts a random BERT-base and BERT-large from tf1 to keras_bert, beside a floor, `cp` and a peer.

Usage: convert.py [--runs N] [--sizes base large] [--peer-python PYTHON]

The floor is one RestoreV2 of every tensor and one SaveV2 of the same bytes in a process of its own. The peer is
the converter of tf-models-official, in the environment whose Python is named; it is left out where none is.
Prints the Markdown of docs/benchmarks.md.
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
FLOOR = """
import sys, time
import tensorflow as tf
started = time.perf_counter()
names = [name for name, _ in tf.train.list_variables(sys.argv[1])]
values = tf.raw_ops.RestoreV2(prefix=sys.argv[1], tensor_names=names, shape_and_slices=[""] * len(names),
                              dtypes=[tf.float32] * len(names))
tf.raw_ops.SaveV2(prefix=sys.argv[2], tensor_names=names, shape_and_slices=[""] * len(names), tensors=values)
print(time.perf_counter() - started)
"""
PEER = "official.nlp.tools.tf2_bert_encoder_checkpoint_converter"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", default=["base", "large"])
    parser.add_argument("--peer-python")
    arguments = parser.parse_args()
    print("| size | what | wall, s | beyond the import, s | peak memory, GB |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            measure(size, Path(folder) / size, arguments)


def measure(size: str, folder: Path, arguments: argparse.Namespace) -> None:
    source = folder / "tf1"
    run([sys.executable, TOOLS / "random_checkpoint.py", size, source])
    prefix = source / "bert_model.ckpt"
    runs: dict[str, list[Run]] = {"convert-checkpoint": [], "floor: RestoreV2, SaveV2": [], "cp": []}
    for _ in range(arguments.runs):
        runs["convert-checkpoint"].append(run([sys.executable, "-c", OURS, source, folder / "out"]))
        (folder / "floor").mkdir(exist_ok=True)
        runs["floor: RestoreV2, SaveV2"].append(
            run([sys.executable, "-c", FLOOR, prefix, folder / "floor" / "bert_model.ckpt"])
        )
        shutil.rmtree(folder / "floor")
        runs["cp"].append(run(["cp", "-r", source, folder / "copy"]))
        shutil.rmtree(folder / "copy")
    if arguments.peer_python and size == "base":
        target = folder / "peer" / "bert_model.ckpt"
        target.parent.mkdir()
        command = [arguments.peer_python, "-m", PEER, f"--bert_config_file={source}/bert_config.json"]
        command += [f"--checkpoint_to_convert={prefix}", f"--converted_checkpoint_path={target}"]
        runs["peer: tf-models-official"] = [run(command)]
    for name, measured in runs.items():
        beyond = [float(one.said) for one in measured if one.said]
        inner = median(beyond) if beyond and name != "peer: tf-models-official" else ""
        print(
            f"| {size} | {name} | {median([one.wall for one in measured])} | {inner} "
            f"| {median([one.peak for one in measured])} |"
        )


if __name__ == "__main__":
    main()
