"""Folders in the system's temporary directory that are removed however the process ends."""

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
"""Waits until the process that holds the other end of a pipe closes it or dies."""


class TemporaryFolder:
    """A folder at `path` that is removed with the last reference to it, at the end of a `with`, or of the process.

    A killed process cleans up nothing: a second, small one waits for its end and removes the folder then.

    Raises:
      UsageError: no folder for temporary files is writable.
    """

    def __init__(self) -> None:
        try:
            self.path = Path(tempfile.mkdtemp(prefix="bertferry-"))
        except OSError as error:
            raise UsageError(f"no folder for temporary files: {error.strerror}: set TMPDIR") from error
        watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", WATCH, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a terminal's Ctrl-C must not reach it
        )
        self.remove = weakref.finalize(self, _remove, self.path, watcher)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *exc_info: object) -> None:
        self.remove()


def _remove(path: Path, watcher: subprocess.Popen[bytes]) -> None:
    shutil.rmtree(path, ignore_errors=True)
    watcher.kill()  # nothing is left for it to do, and it would take longer to end by itself
    watcher.communicate()


@contextmanager
def own_temporary_files() -> Iterator[None]:
    """Puts the temporary files of this process and its libraries into a folder that is removed at the end."""
    with TemporaryFolder() as folder:
        former, tempfile.tempdir = tempfile.tempdir, str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = former
