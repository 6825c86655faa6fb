"""The environments of the clients: what is installed into each, by pip or npm, and how."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TIMEOUT = 1800
"""Seconds for one installation."""


class Missing(Exception):
    """Something that a client needs could not be installed; the message says what."""


@dataclass(frozen=True)
class Environment:
    """Packages in the words of pip or npm; `sees` is the name of another whose packages it uses too."""

    packages: tuple[str, ...]
    sees: str | None = None
    installer: str = "pip"


ENVIRONMENTS: Mapping[str, Environment] = {
    "torch": Environment(("torch>=2.6", "numpy")),
    "sentence-transformers": Environment(("sentence-transformers>=6,<7", "transformers>=5,<6"), sees="torch"),
    "optimum": Environment(
        ("sentence-transformers>=5.7,<6", "transformers>=4.57,<4.58", "optimum-onnx>=0.1", "onnxruntime"), sees="torch"
    ),
    "fastembed": Environment(("fastembed",)),
    "chromadb": Environment(("chromadb",)),
    "txtai": Environment(("txtai", "onnx", "onnxruntime"), sees="torch"),
    "openvino": Environment(("openvino", "tokenizers")),
    "litert": Environment(("ai-edge-litert", "tokenizers")),
    "keras-hub": Environment(("keras-hub", "jax")),
    "transformers.js": Environment(("@huggingface/transformers@4",), installer="npm"),
    "browser": Environment(("puppeteer-core", "@sparticuz/chromium"), installer="npm"),
}
"""sentence-transformers 6 needs transformers 5, optimum-onnx one below 4.58: hence two of the former."""


@dataclass(frozen=True)
class Installation:
    """An installed environment in `folder`."""

    environment: Environment
    folder: Path

    def command(self, script: Path) -> list[str]:
        """How a script is started in it."""
        interpreter = "node" if self.environment.installer == "npm" else str(self.folder / "bin" / "python")
        return [interpreter, str(script)]

    def versions(self, names: Sequence[str]) -> dict[str, str]:
        """The installed versions of packages."""
        if self.environment.installer == "npm":
            manifests = {name: self.folder / "node_modules" / name / "package.json" for name in names}
            return {name: json.loads(path.read_text())["version"] for name, path in manifests.items()}
        code = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {list(names)!r}}}))"
        found = subprocess.run([*self.command(Path("-c")), code], check=True, capture_output=True, text=True)
        return dict(json.loads(found.stdout))


@cache
def install(name: str, folder: Path) -> Installation:
    """Makes an environment under `folder`, or uses the one that a former run has finished there.

    Raises:
        Missing: it cannot be installed.
    """
    environment, place = ENVIRONMENTS[name], folder / name
    finished = place / ".installed"
    needs = " ".join(environment.packages)
    if environment.sees:
        other = install(environment.sees, folder)
    if not finished.exists() or finished.read_text() != needs:
        print(f"{name}: installing", file=sys.stderr, flush=True)
        shutil.rmtree(place, ignore_errors=True)
        if environment.installer == "npm":
            install_with_npm(environment, place)
        else:
            install_with_pip(environment, place, other.folder if environment.sees else None)
        finished.write_text(needs)
    return Installation(environment, place)


def install_with_pip(environment: Environment, place: Path, seen: Path | None) -> None:
    """A virtual environment that also sees the packages of another."""
    run([sys.executable, "-m", "venv", "--without-pip", place])
    if seen:
        (packages,) = place.glob("lib/python*/site-packages")
        (others,) = seen.glob("lib/python*/site-packages")
        (packages / "seen.pth").write_text(f"{others}\n")
    pip = [sys.executable, "-m", "pip", "--python", place / "bin" / "python", "--disable-pip-version-check"]
    run([*pip, "install", "--quiet", "--no-cache-dir", "--no-compile", *environment.packages])


def install_with_npm(environment: Environment, place: Path) -> None:
    """A folder with `node_modules`."""
    if shutil.which("npm") is None:
        raise Missing("npm is not on the PATH")
    place.mkdir(parents=True)
    (place / "package.json").write_text('{"private": true, "type": "module"}')
    # onnxruntime-node would fetch CUDA's libraries from elsewhere.
    skip = {**os.environ, "ONNXRUNTIME_NODE_INSTALL_CUDA": "skip"}
    run(["npm", "install", "--no-audit", "--no-fund", "--prefix", place, *environment.packages], skip)


def run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
    """Runs an installer's command; raises `Missing` with what it complains about."""
    parts = [str(part) for part in command]
    try:
        done = subprocess.run(parts, capture_output=True, text=True, env=environment, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise Missing(f"not installed in {TIMEOUT} s: {' '.join(parts[-2:])}") from None
    if done.returncode:
        complaints = [line for line in done.stderr.splitlines() if line.startswith(("ERROR", "npm error"))]
        raise Missing(" ".join(complaints)[:300] or done.stderr.strip()[-300:])
