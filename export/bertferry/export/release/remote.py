"""Object stores, through fsspec: https://filesystem-spec.readthedocs.io. The only file that imports it."""

import hashlib
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bertferry.convert.archive import SUFFIXES
from bertferry.convert.prefixes import prefix_of
from bertferry.core.errors import BertferryError, UnavailableError, UsageError, first_line
from bertferry.core.extras import check_installed
from bertferry.core.temporary import TemporaryFolder
from bertferry.export.release.names import FAILED, MEASURED
from bertferry.export.release.receipt import RECEIPT
from bertferry.export.release.weights import is_weights

PIECE = 2**20
Stamp = tuple[int, int, int]


@contextmanager
def store_errors(address: str) -> Iterator[None]:
    """Turns the errors of a store into one line; each kind of store has its own.

    Raises:
      UsageError: naming the address.
      UnavailableError: the package for this kind of store is not installed.
    """
    try:
        yield
    except BertferryError:
        raise
    except ImportError as error:
        raise UnavailableError(f"{address}: {first_line(error)}") from error
    except Exception as error:
        raise UsageError(f"{address}: {first_line(error)}") from error


def open_address(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it.

    Raises:
      UnavailableError: fsspec, or the package for this kind of store, is not installed.
    """
    check_installed(f"{address.partition('://')[0]}://", "fsspec")
    import fsspec

    with store_errors(address):
        files, path = fsspec.core.url_to_fs(address)
        return files, str(path).rstrip("/")


def find_addresses(given: str) -> list[str]:
    """The inputs that an address or a glob means."""
    files, path = open_address(given)
    with store_errors(given):
        if files.exists(path) or files.exists(f"{path}.index"):
            return [given.rstrip("/")]
        found = dict.fromkeys(_whole(match) for match in sorted(files.glob(path)))
        return [files.unstrip_protocol(match) for match in found if not match.rpartition("/")[2].startswith(".")]


def _whole(path: str) -> str:
    """The prefix of a TensorFlow checkpoint, of which the path is a file."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{prefix_of(Path(name))}"


def input_objects(address: str) -> dict[str, tuple[str, Stamp]]:
    """The path and the stamp of what belongs to an input, by its name: all in a folder, or a file with what lies
    beside it except the weights of other models."""
    files, path = open_address(address)
    with store_errors(address):
        files.invalidate_cache()
        if files.isdir(path):
            found, start = files.find(path, detail=True), path
        elif path.lower().endswith(SUFFIXES):
            found, start = {path: files.info(path)}, path.rpartition("/")[0]
        else:
            start, _, own = path.rpartition("/")
            listed = {entry["name"]: entry for entry in files.ls(start, detail=True) if entry["type"] == "file"}
            names = {one: one.rpartition("/")[2] for one in listed}
            found = {
                one: entry
                for one, entry in listed.items()
                if names[one] == own or names[one].startswith(f"{own}.") or not is_weights(Path(names[one]))
            }
        objects = {one.removeprefix(f"{start}/"): (one, _stamp(files, one, entry)) for one, entry in found.items()}
    return {name: found for name, found in objects.items() if not any(p.startswith(".") for p in name.split("/"))}


def _stamp(files: Any, path: str, entry: dict[str, Any]) -> Stamp:  # noqa: ANN401 - of any kind of store
    """The size of an object, and what its store says of its version."""
    facts = [str(entry.get(key, "")) for key in ("ETag", "etag", "md5Hash", "generation", "mtime", "LastModified")]
    digest = hashlib.sha256("\n".join(facts).encode()).digest()
    return int(entry["size"]), int.from_bytes(digest[:6]), 0


@contextmanager
def downloaded(address: str) -> Iterator[tuple[Path, dict[str, tuple[str, Stamp]]]]:
    """A copy of an input in a temporary folder, and its objects."""
    objects = input_objects(address)
    name = address.rstrip("/").rpartition("/")[2]
    files, path = open_address(address)
    with TemporaryFolder() as scratch:
        with store_errors(address):
            is_folder = files.isdir(path)
            root = scratch / name
            for relative, (object_path, _) in objects.items():
                target = root / relative
                target.parent.mkdir(parents=True, exist_ok=True)
                files.get_file(object_path, str(target))
        yield (root if is_folder else root / name), objects


class RemoteStore:
    """Models, receipts and reports in an object store. There is no renaming: a model is there with its receipt."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._files, self._root = open_address(self.address)

    def prepare(self) -> None:
        """Checks that something can be written."""
        self.write(f"{FAILED}/.writable", b"")

    def sweep(self) -> None:
        """Nothing to do: a model without a receipt is not there, and is replaced when it is released."""

    def read(self, name: str) -> bytes | None:
        """The content of an object, None if it does not exist."""
        with store_errors(self.address):
            try:
                return bytes(self._files.cat_file(f"{self._root}/{name}"))
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Creates or replaces an object."""
        with store_errors(self.address):
            self._files.pipe_file(f"{self._root}/{name}", content)

    def write_pieces(self, name: str, pieces: Iterable[str]) -> None:
        """Creates or replaces an object of text that is not in memory at once."""
        with store_errors(self.address), self._files.open(f"{self._root}/{name}", "wb") as file:
            for piece in pieces:
                file.write(piece.encode())

    def appended(self, name: str) -> "io.BytesIO":
        """A buffer that is written when it is closed: objects cannot be added to."""
        return _Buffer(self, name)

    def remove(self, name: str) -> None:
        """Removes an object, if it exists."""
        with store_errors(self.address):
            if self._files.exists(f"{self._root}/{name}"):
                self._files.rm_file(f"{self._root}/{name}")

    def names(self) -> set[str]:
        """The names of what is in the output, and of what is recorded there."""
        found = set(self._listed(""))
        for folder in (FAILED, MEASURED):
            found |= {f"{folder}/{name}" for name in self._listed(f"/{folder}")}
        return found

    def _listed(self, folder: str) -> Iterator[str]:
        with store_errors(self.address):
            self._files.invalidate_cache()
            try:
                paths = self._files.ls(f"{self._root}{folder}", detail=False)
            except FileNotFoundError:
                return
            yield from (str(path).rstrip("/").rpartition("/")[2] for path in paths)

    def has(self, name: str, sizes: dict[str, int]) -> bool:
        """Whether a model has all of these objects, of these sizes."""
        with store_errors(self.address):
            found = self._files.find(f"{self._root}/{name}", detail=True)
        present = {path.removeprefix(f"{self._root}/{name}/"): entry["size"] for path, entry in found.items()}
        return all(present.get(path) == size for path, size in sizes.items())

    def digest(self, name: str, path: str) -> str:
        """The SHA-256 of a model's object."""
        digest = hashlib.sha256()
        with store_errors(self.address), self._files.open(f"{self._root}/{name}/{path}", "rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
        return digest.hexdigest()

    @contextmanager
    def released_model(self, name: str) -> Iterator[Path]:
        """A local copy of a released model, to read."""
        with TemporaryFolder() as scratch:
            with store_errors(self.address):
                for path in self._files.find(f"{self._root}/{name}"):
                    target = scratch / path.removeprefix(f"{self._root}/")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self._files.get_file(path, str(target))
            yield scratch / name

    @contextmanager
    def new_model(self, name: str) -> Iterator[Path]:
        """A local folder to fill, which is uploaded when the body ends, its receipt last."""
        with TemporaryFolder() as scratch:
            staging = scratch / name
            staging.mkdir()
            yield staging
            self.remove(f"{name}/{RECEIPT}")
            written = {path.relative_to(staging).as_posix(): path for path in staging.rglob("*") if path.is_file()}
            with store_errors(self.address):
                former = self._files.find(f"{self._root}/{name}")
                for relative in sorted(written, key=lambda one: one == RECEIPT):
                    self._files.put_file(str(written[relative]), f"{self._root}/{name}/{relative}")
                for path in former:
                    if path.removeprefix(f"{self._root}/{name}/") not in written:
                        self._files.rm_file(path)


class _Buffer(io.BytesIO):
    def __init__(self, store: RemoteStore, name: str) -> None:
        super().__init__()
        self._store, self._name = store, name

    def close(self) -> None:
        """Writes the object."""
        if not self.closed:
            self._store.write(self._name, self.getvalue())
        super().close()
