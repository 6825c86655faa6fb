"""Outputs that appear whole or not at all: written beside their destination, fsynced, renamed."""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from bertferry.core.errors import BertferryError, UsageError
from bertferry.core.siblings import abandoned_siblings, sibling

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""The error numbers of a full disk and of an exhausted quota."""


@contextmanager
def new_directory(destination: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary sibling of `destination` to fill; it is renamed to the destination when the body ends.

    If the body raises, nothing is left. Siblings abandoned by a killed run are removed first, and an earlier
    output that a killed `overwrite` had moved aside is restored. If the destination is a symbolic link, it stays
    one: what it points to is created or replaced.

    Raises:
      UsageError: the destination exists (without `overwrite`) or cannot be written, or the disk is full.
    """
    target = Path(destination)
    target = target.resolve() if target.is_symlink() else target
    clear_leftovers(target)
    check_destination(target, overwrite=overwrite)
    with _staging(target, target) as staging:
        yield staging
        _sync(staging)
        _take_place(staging, target)


@contextmanager
def new_file(destination: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A path in a temporary sibling folder to write a file to, along with files whose names start with its own.

    They are moved into place when the body ends, the file itself last; if the body raises, nothing is left.

    Raises:
      UsageError: as `new_directory`.
    """
    target = Path(destination)
    check_new_file(target, overwrite=overwrite)
    with _staging(target, target.parent) as staging:
        yield staging / target.name
        _sync(staging)
        for path in sorted(staging.iterdir(), key=lambda path: path.name == target.name):
            path.replace(target.parent / path.name)
        _sync_entry(target.parent)


@contextmanager
def _staging(target: Path, place: Path) -> Iterator[Path]:
    """A temporary sibling that stands for `place` and is removed at the end; a full or read-only disk becomes one
    clear error, and no error names the sibling."""
    clear_leftovers(target)
    staging = sibling(target, "tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging.mkdir()
        yield staging
    except BertferryError as error:
        error.args = tuple(str(part).replace(str(staging), str(place)) for part in error.args)
        raise
    except OSError as error:
        if error.errno in DISK_FULL:
            raise UsageError(f"{target}: no space left on the device") from error
        if _is_outside(error.filename, staging, target):
            raise UsageError(f"{error.filename}: cannot be read: {error.strerror}") from error
        raise UsageError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _is_outside(name: object, *outputs: Path) -> bool:
    """Whether an error is about a file that is neither the output nor inside it: one that was being read."""
    if not isinstance(name, str | Path):
        return False
    path = Path(name).absolute()
    return not any(
        path == output.absolute().parent or path.is_relative_to(output.absolute()) for output in outputs
    )


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """A temporary sibling to write, which takes the file's place at the end of the body, or is gone.

    Raises:
      UsageError: the file cannot be written.
    """
    temporary = sibling(path, "tmp")
    try:
        for stale in abandoned_siblings(path, "tmp"):
            stale.unlink(missing_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_destination(target: Path, *, overwrite: bool, sources: Iterable[str | Path | None] = ()) -> None:
    """Refuses a destination that already exists, unless it is an empty directory or may be replaced.

    Args:
      target: the destination.
      overwrite: whether it may be replaced; not if `sources` would be removed with it.
      sources: files, directories and prefixes that are read; None is none.

    Raises:
      UsageError: it does, or contains a source or the current directory.
    """
    if target.exists() and not overwrite and not _is_empty(target):
        raise UsageError(f"{target} already exists", "choose another --output or give --overwrite")
    if not target.exists():
        return
    replaced = target.resolve()
    for path in [Path(source) for source in sources if source is not None]:
        if any(own.is_relative_to(replaced) for own in (path.resolve(), path.parent.resolve() / path.name)):
            raise UsageError(f"{target}: replacing it would remove the source {path}", "choose another --output")
    if Path.cwd().resolve().is_relative_to(replaced):  # the shell would be left in a removed directory
        verb = "is" if target.samefile(".") else "contains"
        raise UsageError(f"{target} {verb} the current directory", "choose another --output")


def _is_empty(target: Path) -> bool:
    try:
        return target.is_dir() and not any(target.iterdir())
    except OSError:
        return False


def check_new_file(
    target: Path, *, overwrite: bool, sources: Iterable[str | Path | None] = (), suffix: str = ""
) -> None:
    """Refuses a destination for a file that is a directory, or that already exists and may not be replaced: a file
    with another `suffix`, if one is given, was not written by the same command."""
    if target.is_dir():
        raise UsageError(f"{target} is a directory", "name a file with --output")
    if target.exists() and not target.name.endswith(suffix):
        raise UsageError(f"{target} already exists and is no {suffix} file", "choose another --output")
    check_destination(target, overwrite=overwrite, sources=sources)


def clear_leftovers(target: Path) -> None:
    """Cleans up after a killed run: removes its temporary sibling, restores an output that it had moved aside."""
    for stale in abandoned_siblings(target, "tmp"):
        shutil.rmtree(stale, ignore_errors=True)
    for aside in abandoned_siblings(target, "old"):
        if target.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.rename(target)


def _take_place(staging: Path, target: Path) -> None:
    aside = sibling(target, "old")
    replaces = target.exists() and not _is_empty(target)
    if replaces:
        target.rename(aside)
    staging.rename(target)
    _sync_entry(target.parent)
    if replaces:
        shutil.rmtree(aside) if aside.is_dir() else aside.unlink()


@contextmanager
def storing(directory: Path) -> Iterator[None]:
    """Lets the disk store what was written so far while the body goes on."""
    with ThreadPoolExecutor(1) as pool:
        stored = pool.submit(_sync, directory)
        yield
        stored.result()


def _sync(directory: Path) -> None:
    for path in directory.rglob("*"):
        _sync_entry(path)
    _sync_entry(directory)


def _sync_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
