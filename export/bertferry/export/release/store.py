"""The output of a family in a folder of a file system, which several hosts may share."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path

from bertferry.core.atomic import clear_leftovers, new_directory, replace_file
from bertferry.core.errors import UsageError
from bertferry.core.siblings import TEMPORARY
from bertferry.export.manifest import hashes
from bertferry.export.release.names import FAILED, MEASURED, RUNS
from bertferry.export.release.receipt import RECEIPT


class FolderStore:
    """Models, receipts and reports in a folder; what is in it appears whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.address = str(root)

    def prepare(self) -> None:
        """Makes the folders, and removes what killed processes of this host left.

        Raises:
          UsageError: it cannot be written.
        """
        try:
            for name in (FAILED, MEASURED, RUNS):
                (self.root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.root}: cannot be written: {error.strerror}") from error
        self.sweep()

    def sweep(self) -> None:
        """Removes what killed processes of this host left, and restores what they had moved aside."""
        for folder in (self.root, self.root / FAILED, self.root / MEASURED, self.root / RUNS):
            targets = {found[1] for path in folder.glob(".*") if (found := TEMPORARY.match(path.name))}
            for target in targets:
                clear_leftovers(folder / target)

    def read(self, name: str) -> bytes | None:
        """The content of a file, None if it does not exist."""
        try:
            return (self.root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UsageError(f"{self.root / name}: cannot be read: {error.strerror}") from error

    def write(self, name: str, content: bytes) -> None:
        """Creates or replaces a file.

        Raises:
          UsageError: it cannot be written.
        """
        with replace_file(self.root / name) as temporary:
            temporary.write_bytes(content)

    def write_pieces(self, name: str, pieces: Iterable[str]) -> None:
        """Creates or replaces a file of text that is not in memory at once.

        Raises:
          UsageError: it cannot be written.
        """
        with (
            replace_file(self.root / name) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            file.writelines(pieces)

    def appended(self, name: str) -> BufferedWriter:
        """A file that is added to.

        Raises:
          UsageError: it cannot be written.
        """
        try:
            return (self.root / name).open("ab")
        except OSError as error:
            raise UsageError(f"{self.root / name}: cannot be written: {error.strerror}") from error

    def remove(self, name: str) -> None:
        """Removes a file, if it exists."""
        (self.root / name).unlink(missing_ok=True)

    def names(self) -> set[str]:
        """The names of what is in the output, and of what is recorded there: `failed/NAME.json`."""
        folders = (FAILED, MEASURED)
        found = {path.name for path in self.root.glob("*")}
        return found.union(
            *({f"{folder}/{path.name}" for path in (self.root / folder).glob("*")} for folder in folders)
        )

    def has(self, name: str, sizes: dict[str, int]) -> bool:
        """Whether a model has all of these files, of these sizes."""
        try:
            return all((self.root / name / path).stat().st_size == size for path, size in sizes.items())
        except OSError:
            return False

    def digest(self, name: str, path: str) -> str:
        """The SHA-256 of a model's file."""
        (digest,) = hashes([self.root / name / path]).values()
        return digest

    @contextmanager
    def released_model(self, name: str) -> Iterator[Path]:
        """The folder of a released model, to read."""
        yield self.root / name

    @contextmanager
    def new_model(self, name: str) -> Iterator[Path]:
        """A folder to fill, which becomes the model's when the body ends, or is gone if that raises.

        Raises:
          UsageError: something else is in its place, or nothing can be written.
        """
        target = self.root / name
        clear_leftovers(target)
        if target.exists() and not (target / RECEIPT).is_file() and (not target.is_dir() or any(target.iterdir())):
            raise UsageError(f"{target} is no released model: move it away, or give the model another name")
        with new_directory(target, overwrite=True) as staging:
            yield staging

    def free_bytes(self) -> int:
        """What the disk has room for."""
        return shutil.disk_usage(self.root).free
