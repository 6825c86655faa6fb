"""Makes a release: everything but the tag and the upload.

Usage: python tools/release prepare VERSION [--date YYYY-MM-DD]
       python tools/release [--output dist] [--overwrite] [--allow-missing-python]

`prepare` turns what CHANGELOG.md calls unreleased into the section of a version, and states the version and its
date in pyproject.toml, CITATION.cff and SECURITY.md; commit that. Without it, the commit is built and examined,
and what can be uploaded is written to dist/, whole or not at all: the wheel and the sdist, a bill of materials for
each extra, and the SHA-256 of each file. It works in an environment of its own, with the packages of
requirements.txt.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import changelog
from building import Packages, build_twice, check_clean, check_tag, git
from faults import ReleaseError
from installing import examine, pythons
from versions import LINES, PROJECT, ROOT, check_version, with_version

HERE = Path(__file__).parent
SUMS = "SHA256SUMS"


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/release", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="the folder to write; default: dist")
    parser.add_argument("--overwrite", action="store_true", help="replace the folder")
    parser.add_argument("--allow-missing-python", action="store_true", help="succeed if a Python was not tried")
    steps = parser.add_subparsers(title="before the release is committed", metavar="prepare")
    prepared = steps.add_parser("prepare", help="state a version and turn what is unreleased into its section")
    prepared.add_argument("version")
    prepared.add_argument("--date", default=date.today().isoformat(), help="default: today")
    arguments = parser.parse_args()
    try:
        if "version" in arguments:
            prepare(ROOT, arguments.version, arguments.date)
            return 0
        return release(arguments.output.absolute(), arguments)
    except ReleaseError as error:
        print(f"tools/release: {error}", file=sys.stderr)
        return 1


def prepare(root: Path, version: str, day: str) -> None:
    """Writes the version, its date and its section of the changelog; nothing if something is wrong."""
    texts = {name: (root / name).read_text() for name in LINES}
    changed = with_version(texts, version, day)
    changed[changelog.FILE] = changelog.with_release((root / changelog.FILE).read_text(), version, day)
    for name, text in changed.items():
        (root / f"{name}.new").write_text(text)
    for name in changed:
        (root / f"{name}.new").replace(root / name)
    print(f"{version} of {day}: changed {', '.join(changed)}; commit them")


def check(root: Path) -> str:
    """The version of a commit that can be released."""
    check_clean(root)
    version, day = check_version({name: (root / name).read_text() for name in LINES})
    released = changelog.check_release((root / changelog.FILE).read_text(), version)
    if released != day:
        raise ReleaseError(f"CITATION.cff: released on {day}, in {changelog.FILE} on {released}")
    check_tag(root, version)
    return version


def release(output: Path, arguments: argparse.Namespace) -> int:
    """Builds and examines the commit and writes the folder; returns the exit code."""
    say("version, changelog and working tree")
    version = check(ROOT)
    with folder_of_output(output, overwrite=arguments.overwrite) as staging, temporary() as work:
        say("the tools, as pinned")
        python = make_tools(work / "tools")
        say("sdist and wheel, built twice in different surroundings and from the sdist")
        packages = build_twice(ROOT, work / "builds", python)
        call([python, "-m", "twine", "check", "--strict", *packages], work)
        missing = install_everywhere(packages, work, python)
        if missing and not arguments.allow_missing_python:
            raise ReleaseError(f"Python {', '.join(missing)} not tried: install it, or --allow-missing-python")
        for package in packages:
            shutil.copyfile(package, staging / package.name)
        for extra in ("", *extras()):
            say(f"what {f'[{extra}]' if extra else 'the base'} installs")
            write_bill(packages.wheel, extra, staging / f"bertferry-{version}-{extra or 'base'}.cdx.json", python)
        sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(staging.iterdir())}
        (staging / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    print("".join(f"{digest}  {output.name}/{name}\n" for name, digest in sums.items()), end="")
    print(f"bertferry {version} is in {output}; now: git tag v{version}, push it, upload wheel and sdist")
    return 0


def install_everywhere(packages: Packages, work: Path, pip: Path) -> list[str]:
    """Installs both packages under each Python; returns the versions of Python that are not here."""
    missing = []
    for version in pythons():
        for package in packages:
            folder = work / f"{version}-{package.suffix[1:]}"
            result = examine(package, version, folder, pip)
            say(f"Python {version}, {package.name}: {result}")
            shutil.rmtree(folder, ignore_errors=True)
            if result.startswith("not tried") and version not in missing:
                missing.append(version)
    return missing


def extras() -> list[str]:
    """The extras that users install."""
    optional = tomllib.loads((ROOT / PROJECT).read_text())["project"]["optional-dependencies"]
    return sorted(optional.keys() - {"test"})


def write_bill(wheel: Path, extra: str, output: Path, python: Path) -> None:
    """Writes the bill of what pip would install for an extra."""
    with temporary() as folder:
        wanted = f"bertferry[{extra}] @ {wheel.as_uri()}" if extra else f"bertferry @ {wheel.as_uri()}"
        resolved = folder / "resolved.json"
        pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        call([*pip, "--report", resolved, wanted], folder)
        call([python, HERE / "bill.py", resolved, output, git(ROOT, "log", "-1", "--format=%ct")], folder)


def make_tools(folder: Path) -> Path:
    """An environment with the pinned tools; returns its interpreter."""
    call([sys.executable, "-m", "venv", folder], folder.parent)
    python = folder / "bin" / "python"
    call([python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"], folder)
    return python


def call(command: list[str | Path], folder: Path) -> None:
    """Runs a step in a folder outside the checkout.

    Raises:
      ReleaseError: it fails.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines() or ["no output"]
        raise ReleaseError(f"{' '.join(map(str, command[:5]))} …: {lines[-1]}")


@contextmanager
def folder_of_output(output: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder beside the output that takes its name when all is done, and is removed if something fails."""
    if output.exists() and not overwrite:
        raise ReleaseError(f"{output}: already exists: remove it, or --overwrite")
    if output.exists() and not (output / SUMS).is_file():
        raise ReleaseError(f"{output}: not replaced: it is no earlier release, because it has no {SUMS}")
    output.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    try:
        yield staging
        staging.chmod(0o755)
        if output.exists():
            shutil.rmtree(output)
        staging.rename(output)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bertferry-release-") as folder:
        yield Path(folder)


def say(text: str) -> None:
    print(f"== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
