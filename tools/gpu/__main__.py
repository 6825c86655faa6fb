"""Measures this project on a GPU and fills the tables of docs/calibration.md and docs/benchmarks.md.

Usage: python tools/gpu --wheels DIR [--part calibration|latency] [--output DIR]
       python tools/gpu --prepare DIR        (on a machine with internet)
       python tools/gpu --fill RESULTS.json  (on any machine)

It needs this checkout and a folder of wheels, which --prepare makes; without --wheels, the packages of the Python
that runs it. Each engine (TensorFlow, XLA, ONNX Runtime, PyTorch) has a process of its own: what is missing or
fails is a row "not measured" with its reason. Exit code 3: there is no such device. See docs/gpu.md.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from device_rows import LATENCIES, MODELS
from driver import describe_device
from gpu_tables import fill, render
from installation import Environment, environment_of, own_environment
from provenance import provenance
from requirements import ROOT
from wheels import CHUNK_MB, WheelsError, join, prepare

PARTS = ("calibration", "latency")
GROUPS = {"tensorflow": ("keras", "xla"), "onnx": ("onnx",), "torch": ("torch",)}
"""The engines that share an environment, by its name."""
LIMIT = 600


def main() -> int:
    arguments = parse()
    try:
        if arguments.prepare:
            prepare(arguments.prepare, arguments.engine or list(GROUPS), arguments.device, arguments.chunk_mb)
            return 0
        if arguments.fill:
            print("\n".join(fill(ROOT, json.loads(arguments.fill.read_text()))))
            return 0
        return measure(arguments)
    except (WheelsError, OSError, json.JSONDecodeError) as error:
        print(f"tools/gpu: {error}", file=sys.stderr)
        return 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/gpu", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--wheels", type=Path, metavar="DIR", help="a folder of wheels, whole or in chunks")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu", help="default: gpu")
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all parts")
    parser.add_argument("--engine", choices=list(GROUPS), action="append", help="default: all engines")
    parser.add_argument("--model", choices=list(MODELS), action="append", help="default: minilm and base")
    parser.add_argument("--output", type=Path, default=Path("build/gpu"), help="default: build/gpu")
    parser.add_argument("--limit", type=int, default=LIMIT, metavar="SECONDS", help=f"default: {LIMIT}")
    parser.add_argument("--prepare", type=Path, metavar="DIR", help="download the wheels into a folder")
    parser.add_argument("--chunk-mb", type=int, default=CHUNK_MB, help=f"split larger wheels; default: {CHUNK_MB}")
    parser.add_argument("--fill", type=Path, metavar="FILE", help="fill the tables from results.json")
    return parser.parse_args()


def measure(arguments: argparse.Namespace) -> int:
    """Runs every engine, writes results.json and tables.md, prints the tables; returns the exit code."""
    started = time.monotonic()
    device = describe_device(arguments.device)
    if device is None:
        print("tools/gpu: no GPU: the CUDA driver finds none; --device cpu tests the tool itself", file=sys.stderr)
        return 3
    results: dict[str, Any] = {"device": arguments.device, "described": device, "made": made()}
    models = arguments.model or ["minilm", "base"]

    def left() -> float:
        return float(arguments.limit - (time.monotonic() - started))

    results |= {"models": models, "environments": {}, "rows": []}
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bertferry-gpu-") as temporary:
        folder = Path(temporary)
        joined = join(arguments.wheels, folder / "joined") if arguments.wheels else []
        for group in arguments.engine or GROUPS:
            say(f"environment {group}")
            environment = own_environment()
            if joined:
                environment = environment_of(group, arguments.device, joined, folder, left())
            results["environments"][group] = environment.packages
            for engine in GROUPS[group]:
                for part in parts_of(engine, arguments.part or PARTS):
                    say(f"{engine}: {part}")
                    results["rows"] += run_engine(environment, engine, part, models, arguments, left())
                    write(arguments.output, results)
            environment.remove()
    print((arguments.output / "tables.md").read_text(), end="")
    say(f"{time.monotonic() - started:.0f} s; raw results in {arguments.output / 'results.json'}")
    return 0


def parts_of(engine: str, parts: Sequence[str]) -> list[str]:
    """Those that an engine has."""
    timed = any(row.engine == engine for row in LATENCIES)
    return [part for part in parts if part != "latency" or timed]


def run_engine(
    environment: Environment,
    engine: str,
    part: str,
    models: list[str],
    arguments: argparse.Namespace,
    seconds: float,
) -> list[dict[str, object]]:
    """The rows of an engine; those that it did not come to have a reason instead of figures."""
    with tempfile.TemporaryDirectory(prefix="bertferry-gpu-") as temporary:
        found = Path(temporary) / "rows.jsonl"
        command = [engine, part, arguments.device, ",".join(models), str(found)]
        reason = environment.fault or environment.run(engine, command, arguments.device, seconds)
        lines = found.read_text().splitlines() if found.exists() else []
    rows = [json.loads(line) for line in lines]
    return [*rows, *([{"engine": engine, "part": part, "reason": reason}] if reason else [])]


def write(output: Path, results: dict[str, object]) -> None:
    """Writes what there is so far: a run that is ended leaves what it measured."""
    for name, text in (("results.json", json.dumps(results, indent=1) + "\n"), ("tables.md", render(results))):
        (output / f"{name}.new").write_text(text)
        (output / f"{name}.new").replace(output / name)


def made() -> str:
    """The date and the commit; the date alone of a folder without a repository."""
    try:
        return provenance()
    except (OSError, subprocess.CalledProcessError):
        return date.today().isoformat()


def say(text: str) -> None:
    print(f"== {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
