"""Families of small models, commands that release them, and what these leave: shared by the tests of releases."""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

COMMAND = "from bertferry.export.release.command import run; run()"
SOURCES = ("tf1_core_L2", "tf1_pretrain_L2", "hf_bin_core_L2", "tf1_squad_L2")
WEIGHTS_ALONE: dict[str, list[str]] = {"artifacts": []}
UNLIKE = ("failed", "measured", "runs")
"""Folders of what differs from run to run."""


def write_family(folder, golden, count, **defaults):
    """A manifest of copies of golden checkpoints, and these."""
    for number in range(count):
        shutil.copytree(golden / SOURCES[number % len(SOURCES)], folder / "in" / f"model-{number}")
    return write_manifest(folder, {"input": "in/*"}, **defaults)


def write_manifest(folder, *models, **rest):
    """A manifest in JSON; `defaults` are those of models with their weights alone."""
    values = {"schema": "bertferry.release/1", "defaults": WEIGHTS_ALONE, "model": list(models), **rest}
    path = folder / "family.json"
    path.write_text(json.dumps(values))
    return path


def start(manifest, output, *flags, prefix=()):
    """The command in a process of its own."""
    command = [*prefix, sys.executable, "-c", COMMAND, str(manifest), "--output", str(output), *flags]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    """Its exit code, and what it wrote to both streams."""
    out, err = process.communicate()
    return process.returncode, out, err


def models_of(output):
    """The SHA-256 of every file of every model, by its path."""
    folders = [path for path in output.iterdir() if path.is_dir() and path.name not in UNLIKE]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def events(output):
    """All events of all runs."""
    paths = sorted((output / "runs").glob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def workers_of(process):
    """The processes that a run has started to release models."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            command = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == process.pid and b"release.worker" in command:
            found.append(int(path.parent.name))
    return found


def wait_until(condition, seconds=600.0):
    """Waits for something that must happen, on however busy a machine."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


def is_running(process):
    """Whether there is such a process that has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
