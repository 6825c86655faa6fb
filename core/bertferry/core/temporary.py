"""Folders in the system's temporary directory that no process leaves behind, however it ends."""

import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bertferry.core.errors import UsageError

WATCH = "import shutil, sys; sys.stdin.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"
"""Waits for the end of a pipe, which comes when the process that holds the other end closes it or dies."""


class TemporaryFolder:
    """A folder at `path` that goes when the last reference to it does, or a `with` ends, or the process does.

    A process that is killed cleans up nothing: a second, small one watches over it and removes the folder then.

    Raises:
      UsageError: no folder for temporary files can be written to.
    """

    def __init__(self) -> None:
        try:
            self.path = Path(tempfile.mkdtemp(prefix="bertferry-"))
        except OSError as error:
            raise UsageError(f"no place for temporary files: {error.strerror}: set TMPDIR") from error
        watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", WATCH, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a terminal's Ctrl-C is not meant for it
        )
        self.remove = weakref.finalize(self, _remove, self.path, watcher)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *exc_info: object) -> None:
        self.remove()


def _remove(path: Path, watcher: subprocess.Popen[bytes]) -> None:
    shutil.rmtree(path, ignore_errors=True)
    watcher.communicate()


@contextmanager
def own_temporary_files() -> Iterator[None]:
    """Has everything that this process and its libraries put into temporary files go with it."""
    with TemporaryFolder() as folder:
        former, tempfile.tempdir = tempfile.tempdir, str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = former
