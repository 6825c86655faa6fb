"""Outputs that appear whole or not at all: written beside their destination, fsynced, renamed."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bertferry.core.errors import BertferryError, UsageError
from bertferry.core.siblings import abandoned_siblings, sibling

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a full disk or a used-up quota answers."""


@contextmanager
def new_directory(destination: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary sibling of `destination` to fill; it takes the destination's name when the body is done.

    When the body raises, nothing remains. Siblings that a killed run left behind are removed first, and a
    former output that lost its name to a killed `overwrite` gets it back.

    Raises:
      UsageError: the destination exists (without `overwrite`) or cannot be written, or the disk is full.
    """
    target = Path(destination)
    clear_leftovers(target)
    check_destination(target, overwrite=overwrite)
    with _staging(target, target) as staging:
        yield staging
        _sync(staging)
        _take_place(staging, target)


@contextmanager
def new_file(destination: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A path in a temporary sibling folder to write a file to, and files beside it whose names begin like its own.

    They take their places when the body is done, the file itself last; when the body raises, nothing remains.

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
    """A temporary sibling, gone at the end, that stands for `place`; a full or read-only disk becomes one clear
    error, and no error names the sibling."""
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
        if error.errno in FULL:
            raise UsageError(f"{target}: no space left on the device") from error
        if _elsewhere(error.filename, staging, target):
            raise UsageError(f"{error.filename}: cannot be read: {error.strerror}") from error
        raise UsageError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _elsewhere(name: object, *ours: Path) -> bool:
    """Whether an error is about a file that is neither the output nor in it: one that was to be read."""
    if not isinstance(name, str | Path):
        return False
    path = Path(name).absolute()
    return not any(path == one.absolute().parent or path.is_relative_to(one.absolute()) for one in ours)


def check_destination(target: Path, *, overwrite: bool) -> None:
    """Refuses a destination that is already there, unless it may be replaced."""
    if target.exists() and not overwrite:
        raise UsageError(f"{target} already exists", "choose another --output or give --overwrite")


def check_new_file(target: Path, *, overwrite: bool) -> None:
    """Refuses a destination for a file that is already there, unless it may be replaced, or is a directory."""
    if target.is_dir():
        raise UsageError(f"{target} is a directory", "name a file with --output")
    check_destination(target, overwrite=overwrite)


def clear_leftovers(target: Path) -> None:
    """Undoes what a killed run left: removes its temporary sibling, restores an output it had moved aside."""
    for stale in abandoned_siblings(target, "tmp"):
        shutil.rmtree(stale, ignore_errors=True)
    for aside in abandoned_siblings(target, "old"):
        if target.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.rename(target)


def _take_place(staging: Path, target: Path) -> None:
    aside = sibling(target, "old")
    replaces = target.exists()
    if replaces:
        target.rename(aside)
    staging.rename(target)
    _sync_entry(target.parent)
    if replaces:
        shutil.rmtree(aside) if aside.is_dir() else aside.unlink()


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
