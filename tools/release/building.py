"""Builds of a commit: sdist and wheel, the same bytes wherever, whenever and by whom they are built.

The commit is exported into a folder of its own, so that files that nobody committed are not in a package. Both
builds have the commit's time as SOURCE_DATE_EPOCH, but another folder, umask, time zone, locale and hash seed;
the wheel is built a third time, from the sdist.
"""

import os
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from faults import ReleaseError

SURROUNDINGS = (
    (0o022, {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "0"}),
    (0o077, {"TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}),
)
"""The umask and the variables of each build."""


@dataclass(frozen=True)
class Packages:
    """The packages of one build."""

    sdist: Path
    wheel: Path

    def __iter__(self) -> Iterator[Path]:
        """Both, the sdist first."""
        return iter((self.sdist, self.wheel))


def git(root: Path, *arguments: str) -> str:
    """What a git command prints.

    Raises:
      ReleaseError: it fails, as where there is no repository.
    """
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise ReleaseError(f"{root}: git {arguments[0]}: {done.stderr.strip().splitlines()[0]}")
    return done.stdout.strip()


def check_clean(root: Path) -> None:
    """Checks that the working tree is that of its commit: what is not committed would not be released."""
    if changed := git(root, "status", "--porcelain").splitlines():
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise ReleaseError(
            f"{changed[0].split(maxsplit=1)[1]}{more}: not as committed; commit, stash or remove it"
        )


def check_tag(root: Path, version: str) -> None:
    """Checks that the version was not released from another commit."""
    tag = f"v{version}"
    if not git(root, "tag", "--list", tag):
        return
    tagged, head = git(root, "rev-list", "-n", "1", tag), git(root, "rev-parse", "HEAD")
    if tagged != head:
        raise ReleaseError(f"{tag} is commit {tagged[:7]}, not {head[:7]}: nothing is released twice")


def export(root: Path, folder: Path) -> Path:
    """Writes the files of the commit into a folder."""
    folder.mkdir(parents=True)
    archive = folder.with_suffix(".tar")
    git(root, "archive", "--output", str(archive.absolute()), "HEAD")
    with tarfile.open(archive) as stored:
        stored.extractall(folder, filter="data")
    archive.unlink()
    return folder


def build_twice(root: Path, folder: Path, python: Path) -> Packages:
    """Builds in both surroundings and from the sdist; returns the first build, which equals the others.

    Args:
      root: the repository.
      folder: where the builds are; it is made.
      python: an interpreter with `build` and the build backend.

    Raises:
      ReleaseError: a build fails, or two differ, naming the first file that does.
    """
    epoch = git(root, "log", "-1", "--format=%ct")
    builds = []
    for number, (umask, variables) in enumerate(SURROUNDINGS):
        tree = export(root, folder / f"tree-{number}" / ("nested/" * number) / "bertferry")
        environment = {"SOURCE_DATE_EPOCH": epoch, **variables}
        builds.append(build(tree, folder / f"packages-{number}", python, umask, environment))
    first, second = builds
    for one, other in zip(first, second, strict=True):
        check_equal(one, other, "built in another folder, umask and time zone")
    with tarfile.open(first.sdist) as stored:
        stored.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    umask, variables = SURROUNDINGS[1]
    again = build(unpacked, folder / "packages-2", python, umask, {"SOURCE_DATE_EPOCH": epoch, **variables})
    check_equal(first.wheel, again.wheel, "built from the sdist")
    return first


def build(tree: Path, output: Path, python: Path, umask: int, variables: Mapping[str, str]) -> Packages:
    """Builds sdist and wheel of a folder, both from it."""
    command: list[str | Path] = [
        python,
        "-m",
        "build",
        "--no-isolation",
        "--sdist",
        "--wheel",
        "--outdir",
        output,
        tree,
    ]
    environment = {**os.environ, **variables}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(command, env=environment, umask=umask, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines() or ["no output"]
        raise ReleaseError(f"{tree}: python -m build: {lines[-1]}")
    (sdist,), (wheel,) = output.glob("*.tar.gz"), output.glob("*.whl")
    return Packages(sdist, wheel)


def check_equal(one: Path, other: Path, how: str) -> None:
    """Checks that two packages have the same bytes."""
    if one.read_bytes() != other.read_bytes():
        raise ReleaseError(f"{one.name} has other bytes {how}: {first_difference(one, other)}")


def first_difference(one: Path, other: Path) -> str:
    """The first member of two packages that differs, and how."""
    before, after = members(one), members(other)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            for side, entries in (("only in the first", after), ("only in the second", before)):
                if name not in entries:
                    return f"{name} is {side}"
            content = before[name][0] == after[name][0]
            return f"{name} differs in {'its time or mode' if content else 'its content'}"
    return "the same files, packed in another order or way"


def members(package: Path) -> dict[str, tuple[bytes, tuple[object, ...]]]:
    """The content and the attributes of each member of a package."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as stored:
            return {
                entry.filename: (stored.read(entry), (entry.date_time, entry.external_attr))
                for entry in stored.infolist()
            }
    with tarfile.open(package) as archive:
        return {
            entry.name: (
                archive.extractfile(entry).read() if entry.isfile() else b"",
                (entry.mtime, entry.mode, entry.uid, entry.gid, entry.uname),
            )
            for entry in archive
        }
