"""Where models are read from and released to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bertferry.export.release.model import Model
from bertferry.export.release.store import FolderStore

Store = FolderStore


def open_store(address: str) -> Store:
    """The output at a path."""
    return FolderStore(Path(address))


@contextmanager
def open_input(model: Model) -> Iterator[Model]:
    """The model with its input at a path of this host."""
    yield model
