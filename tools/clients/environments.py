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
SITE_PACKAGES = "lib/python*/site-packages"


class NotInstalledError(Exception):
    """Something that a client needs could not be installed; the message says what."""


@dataclass(frozen=True)
class Environment:
    """Packages in the words of pip or npm; `sees` is the name of another whose packages it uses too."""

    packages: tuple[str, ...]
    sees: str | None = None
    installer: str = "pip"


ENVIRONMENTS: Mapping[str, Environment] = {
    "torch": Environment(("torch", "numpy")),
    "sentence-transformers": Environment(("sentence-transformers>=6,<7", "transformers>=5,<6"), sees="torch"),
    "optimum": Environment(
        ("sentence-transformers>=5.7,<6", "transformers>=4.57,<4.58", "optimum-onnx>=0.1", "onnxruntime"),
        sees="torch",
    ),
    "fastembed": Environment(("fastembed",)),
    "chromadb": Environment(("chromadb",)),
    "txtai": Environment(("txtai", "onnx", "onnxruntime"), sees="torch"),
    "openvino": Environment(("openvino", "tokenizers")),
    "litert": Environment(("ai-edge-litert", "tokenizers")),
    "keras-hub": Environment(("keras-hub", "jax", "safetensors", "tokenizers")),
    "transformers.js": Environment(
        ("@huggingface/transformers@4", "puppeteer-core", "@sparticuz/chromium"), installer="npm"
    ),
}
"""sentence-transformers 6 needs transformers 5, optimum-onnx one below 4.58: hence two of the former."""


@cache
def install(name: str, place: Path, torch: str) -> Path:
    """Makes an environment under `place`, or uses the one that a former run has finished; returns its folder.

    `torch` is the requirement of PyTorch, of which PyPI has one build and other indexes others.

    Raises:
        NotInstalledError: it cannot be installed.
    """
    environment, folder = ENVIRONMENTS[name], place / name
    seen = install(environment.sees, place, torch) if environment.sees else None
    packages = [torch if package == "torch" else package for package in environment.packages]
    finished = folder / ".installed"
    if finished.exists() and finished.read_text() == " ".join(packages):
        return folder
    print(f"{name}: installing", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    if environment.installer == "npm":
        install_with_npm(packages, folder)
    else:
        install_with_pip(packages, folder, seen)
    finished.write_text(" ".join(packages))
    return folder


def install_with_pip(packages: Sequence[str], folder: Path, seen: Path | None) -> None:
    """A virtual environment that also sees the packages of another."""
    run([sys.executable, "-m", "venv", "--without-pip", folder])
    if seen:
        (own,) = folder.glob(SITE_PACKAGES)
        (others,) = seen.glob(SITE_PACKAGES)
        (own / "seen.pth").write_text(f"{others}\n")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "--disable-pip-version-check"]
    run([*pip, "install", "--quiet", "--no-cache-dir", "--no-compile", *packages])


def install_with_npm(packages: Sequence[str], folder: Path) -> None:
    """A folder with `node_modules`."""
    if shutil.which("npm") is None:
        raise NotInstalledError("npm is not on the PATH")
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    # onnxruntime-node would fetch CUDA's libraries from elsewhere.
    skip = {**os.environ, "ONNXRUNTIME_NODE_INSTALL_CUDA": "skip"}
    run(["npm", "install", "--no-audit", "--no-fund", "--prefix", folder, *packages], skip)


def run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
    """Runs an installer's command; raises `NotInstalledError` with what it complains about."""
    parts = [str(part) for part in command]
    try:
        done = subprocess.run(parts, capture_output=True, text=True, env=environment, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise NotInstalledError(f"not installed in {TIMEOUT} s: {' '.join(parts[-2:])}") from None
    if done.returncode:
        complaints = [line for line in done.stderr.splitlines() if line.startswith(("ERROR", "npm error"))]
        raise NotInstalledError(" ".join(complaints)[:300] or done.stderr.strip()[-300:])


def read_versions(folder: Path | None, packages: Sequence[str]) -> dict[str, str]:
    """The installed versions of packages; `folder` is None for the environment that runs this."""
    if folder and (folder / "node_modules").exists():
        manifests = {name: folder / "node_modules" / name / "package.json" for name in packages}
        return {name: json.loads(path.read_text())["version"] for name, path in manifests.items()}
    python = folder / "bin" / "python" if folder else sys.executable
    code = f"import json; from importlib.metadata import version; print(json.dumps([*map(version, {packages!r})]))"
    printed = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout
    return dict(zip(packages, json.loads(printed), strict=True))
