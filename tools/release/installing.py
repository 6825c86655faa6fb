"""Installs the packages in fresh environments of each Python and does with them what a user does first."""

import os
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

from faults import ReleaseError
from interpreters import find_python
from versions import PROJECT, ROOT

FIXTURE = "tests/fixtures/golden/tf1_core_L2"
SUBCOMMANDS = ("convert", "export-hub", "export-onnx", "export-litert", "publish", "release", "verify")
"""Those of `bertferry`."""


def pythons(root: Path = ROOT) -> tuple[str, ...]:
    """The versions of Python that the classifiers name."""
    prefix = "Programming Language :: Python :: 3."
    classifiers = tomllib.loads((root / PROJECT).read_text())["project"]["classifiers"]
    return tuple(f"3.{line.removeprefix(prefix)}" for line in classifiers if line.startswith(prefix))


def commands(root: Path = ROOT) -> tuple[str, ...]:
    """The programs that an installation has."""
    return tuple(tomllib.loads((root / PROJECT).read_text())["project"]["scripts"])


def examine(package: Path, version: str, folder: Path, pip: Path) -> str:
    """Installs a package in a new environment of a Python and uses it; returns what it did, or `not tried`.

    Args:
      package: a wheel or an sdist.
      version: of Python, such as `3.12`.
      folder: where the environment and the outputs are; it is made.
      pip: the interpreter whose pip installs.

    Raises:
      ReleaseError: it cannot be installed, or a command fails, with its last line.
    """
    interpreter = find_python(version)
    if interpreter is None:
        return f"not tried: no Python {version} here"
    environment = folder / "environment"
    run([interpreter, "-m", "venv", "--without-pip", environment], folder.parent)
    python = environment / "bin" / "python"
    run([pip, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile", package], folder)
    done = 0
    for command in uses(environment / "bin", folder):
        run(command, folder)
        done += 1
    return f"installed, {done} commands"


def uses(programs: Path, folder: Path) -> Iterator[list[str | Path]]:
    """The commands that an installation must run: every help, a conversion there and back, comparisons."""
    for name in commands():
        yield [programs / name, "--help"]
    for name in SUBCOMMANDS:
        yield [programs / "bertferry", name, "--help"]
    yield [programs / "bertferry", "--version"]
    source, there, back = ROOT / FIXTURE, folder / "huggingface", folder / "tf1"
    yield [programs / "convert-checkpoint", "--input", source, "--output", there, "--to", "huggingface"]
    yield [programs / "convert-checkpoint", "--input", there, "--output", back, "--to", "tf1"]
    yield [programs / "convert-checkpoint", "--diff", source, back]
    yield [programs / "verify-parity", "--reference", source, "--candidate", there, "--candidate", back]


def run(command: list[str | Path], folder: Path) -> None:
    """Runs a command in a folder outside the checkout.

    Raises:
      ReleaseError: it fails.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines() or ["no output"]
        shown = " ".join(map(str, command))
        raise ReleaseError(f"exit code {done.returncode}: {shown}: {lines[-1]}")
