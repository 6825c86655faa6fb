"""Imports the modules beside a script: shared by the tests of tools that are folders."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType


@contextmanager
def neighbors_of(folder: Path) -> Iterator[Callable[[str], ModuleType]]:
    """A function that imports a module of the folder by its name."""
    sys.path.insert(0, str(folder))
    try:
        yield import_module
    finally:
        sys.path.remove(str(folder))
