"""Benchmarks releasing a family against a loop of commands, and what releasing costs besides the models.

Usage: release.py [--models N] [--large N] [--engine local,ray] [--only family,receipts,driver]

The family has small models (2 layers, width 64, 1000 words) and some of BERT-base, random tf1 checkpoints. Of
each, a checkpoint for keras_bert, a Hub module and an ONNX file in fp32 are made and compared. The loop calls
`convert-checkpoint`, `export-hub-module`, `export-onnx` and `verify-parity` for every model, as README shows them,
or with exports that leave the comparison to the last; it is measured on a few of each size and multiplied. Then
1000 models with receipts are run over once more; 1000 and 10 000 models are released by processes that do nothing
but answer. Processor seconds are user and system time of all processes.
Prints the Markdown of docs/benchmarks.md.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))

from measure import Run, run
from random_checkpoint import config_of, values, write

from bertferry.core.results import read_json
from bertferry.export.release.fingerprint import SETTLED, key_of
from bertferry.export.release.manifest import read_manifest
from bertferry.export.release.receipt import RECEIPT, Receipt

ENTRY = "from bertferry.{module} import run; run()"
CONVERT, HUB, ONNX = "convert.command", "export.command", "export.onnx.command"
VERIFY, RELEASE = "verify.command", "export.release.command"
ARTIFACTS = {
    "keras": {"kind": "checkpoint", "to": "keras_bert"},
    "module": {"kind": "hub"},
    "graph": {"kind": "onnx"},
}
MEASURED = 2
"""Models of each size that the loop is measured on."""
ANSWERS = """
import resource, sys
from pathlib import Path
from bertferry.convert import SourceOptions
from bertferry.export import PublishOptions, ReleaseOptions
from bertferry.export.release import releaser
from bertferry.export.release.local_pool import LocalPool
from bertferry.export.release.model import Model

WORKER = "from bertferry.export.release.worker import main; main(lambda order: {'state': 'released', 'memory': 1})"
releaser.open_pool = lambda options, address, tasks: LocalPool(2, address, command=WORKER)
store = releaser.open_store(sys.argv[2])
store.prepare()
names = [f"model-{number}" for number in range(int(sys.argv[1]))]
models = [Model(name, name, name, PublishOptions(onnx=()), SourceOptions()) for name in names]
releaser._Run("family.json", models, store, ReleaseOptions(), lambda *_: None).release(models)
usage = resource.getrusage(resource.RUSAGE_SELF)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=30)
    parser.add_argument("--large", type=int, default=3)
    parser.add_argument("--engine", default="local")
    parser.add_argument("--only", default="family,receipts,driver")
    arguments = parser.parse_args()
    parts = arguments.only.split(",")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "family" in parts:
            compare_engines(folder, arguments)
        if "receipts" in parts:
            run_again(folder / "receipts", 1000)
        if "driver" in parts:
            drive(folder)


def command(module: str, *arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-c", ENTRY.format(module=module), *arguments]


def write_models(folder: Path, small: int, large: int) -> None:
    """Writes the family and its manifest."""
    config = replace(config_of("tiny"), vocab_size=1000, hidden_size=64, intermediate_size=256)
    for number in range(small):
        write(folder / "in" / f"small-{number}", config, values(config, number))
    for number in range(large):
        write(folder / "in" / f"large-{number}", config_of("base"), values(config_of("base"), number))
    write_manifest(folder, ARTIFACTS)


def write_manifest(folder: Path, artifacts: object) -> None:
    text = {"defaults": {"do_lower_case": True}, "model": [{"input": "in/*"}], "artifact": artifacts}
    (folder / "family.json").write_text(json.dumps({"schema": "bertferry.release/1", **text}))


def compare_engines(folder: Path, arguments: argparse.Namespace) -> None:
    """Prints a row for the loop and for each engine."""
    write_models(folder, arguments.models, arguments.large)
    print("| how | processor, s | × | wall, s | peak memory of the parent, GB |")
    print("|---|---|---|---|---|", flush=True)
    loops = []
    for what, flags in (("four commands", ()), ("the same, exports with --no-verify", ("--no-verify",))):
        loops.append(loop(folder, arguments, flags))
        print(f"| loop of {what} | {loops[-1]:.0f} | {loops[-1] / loops[0]:.2f} | | |", flush=True)
    for engine in arguments.engine.split(","):
        output = folder / f"out-{engine}"
        released = command(
            RELEASE, folder / "family.json", "--output", output, "--engine", engine, "--workers", "2"
        )
        measured_run, processor = run_group(released)
        row = f"{processor:.0f} | {processor / loops[0]:.2f} | {measured_run.wall:.0f} | {measured_run.peak:.2f}"
        print(f"| release-models --engine {engine} | {row} |", flush=True)
        shutil.rmtree(output)


def loop(folder: Path, arguments: argparse.Namespace, flags: tuple[str, ...]) -> float:
    """Processor seconds of the four commands for the family, with further flags of the two exports."""
    return sum(
        count * sum(loop_over(folder, f"{size}-{number}", flags) for number in range(measured)) / measured
        for size, count in (("small", arguments.models), ("large", arguments.large))
        if (measured := min(MEASURED, count))
    )


def loop_over(folder: Path, name: str, flags: tuple[str, ...]) -> float:
    """Processor seconds of the four commands for a model."""
    source, out = folder / "in" / name, folder / "loop"
    lower = "--do-lower-case"
    commands = [
        command(CONVERT, "--input", source, "--to", "keras_bert", "--output", out / "keras", lower),
        command(HUB, "--checkpoint", source, "--output", out / "hub", lower, *flags),
        command(ONNX, "--checkpoint", source, "--output", out / "model.onnx", *flags),
    ]
    compared = [part for path in ("keras", "hub", "model.onnx") for part in ("--candidate", out / path)]
    commands.append(command(VERIFY, "--reference", source, *compared))
    total = sum(run(one).processor for one in commands)
    shutil.rmtree(out)
    return total


def run_group(release: list[str | Path]) -> tuple[Run, float]:
    """Runs a command in a control group, which counts all its processes: Ray's do not belong to the command."""
    root = Path("/sys/fs/cgroup/cpuacct")
    group = (root if root.is_dir() else root.parent) / f"bench-{os.getpid()}"
    group.mkdir()
    try:
        measured = run(["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", *release])
        if root.is_dir():
            return measured, int((group / "cpuacct.usage").read_text()) / 1e9
        lines = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
        return measured, int(lines["usage_usec"]) / 1e6
    finally:
        for process in (group / "cgroup.procs").read_text().split():  # what Ray leaves for some seconds
            (group.parent / "cgroup.procs").write_text(process)
        group.rmdir()


def run_again(folder: Path, count: int) -> None:
    """Prints what a run over receipts takes: those of copies of one released model."""
    write_models(folder, 1, 0)
    write_manifest(folder, {"graph": {"kind": "onnx"}})
    release = command(RELEASE, folder / "family.json", "--output", folder / "out", "--workers", "2")
    run(release)
    for number in range(1, count):
        shutil.copytree(folder / "in" / "small-0", folder / "in" / f"small-{number}")
    (first, *others) = read_manifest(folder / "family.json")
    receipt = Receipt.from_dict(read_json(folder / "out" / first.name / RECEIPT), RECEIPT)
    for model in others:
        key = key_of(model, receipt.inputs, receipt.versions)
        own = replace(receipt, name=model.name, input=model.input, key=key)
        shutil.copytree(folder / "out" / first.name, folder / "out" / model.name)
        (folder / "out" / model.name / RECEIPT).write_text(own.to_json())
    time.sleep(SETTLED)
    hashing, again = run(release), run(release)
    for what, measured in (("Hashing the inputs", hashing), ("A further run", again)):
        print(f"{what} of {count} models: {measured.wall:.2f} s wall, {measured.processor:.2f} s processor.")
    report = read_json(folder / "out" / "release.json")
    assert report["run"]["unchanged"] == count


def drive(folder: Path) -> None:
    """Prints what releasing costs the parent."""
    for count in (1000, 10_000):
        printed = subprocess.check_output(
            [sys.executable, "-c", ANSWERS, str(count), str(folder / f"driver-{count}")], text=True
        )
        processor, memory = map(float, printed.split())
        print(
            f"{count} models: {processor / count * 1000:.2f} ms of the parent a model, {memory:.0f} MB.",
            flush=True,
        )


if __name__ == "__main__":
    main()
