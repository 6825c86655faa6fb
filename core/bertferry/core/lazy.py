"""Public names of a package that are imported when they are first used, so that importing the package is quick."""

from collections.abc import Callable, Mapping
from importlib import import_module


def import_on_use(package: str, names: Mapping[str, str]) -> Callable[[str], object]:
    """The `__getattr__` of a package (https://peps.python.org/pep-0562/).

    Args:
      package: its full name.
      names: for each module of the package, the public names that it defines, separated by spaces.
    """
    module_of = {name: module for module, listed in names.items() for name in listed.split()}

    def find_public_name(name: str) -> object:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{module_of[name]}"), name)

    return find_public_name
