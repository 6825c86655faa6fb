"""Packages import their public names when they are used."""

import ast
import subprocess
import sys
from importlib import import_module

import pytest

PACKAGES = ("bertferry.convert", "bertferry.verify", "bertferry.export")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there(package):
    module = import_module(package)
    assert {name: getattr(module, name) for name in module.__all__}
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'no_such_name'"):
        _ = module.no_such_name


@pytest.mark.parametrize("package", PACKAGES)
def test_names_for_type_checkers_are_those_at_run_time(package):
    """Each is defined by the module from which the block for type checkers imports it."""
    module = import_module(package)
    with open(module.__file__, encoding="utf-8") as file:
        (block,) = [node for node in ast.parse(file.read()).body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    listed = [(node.module, alias.name) for node in imports for alias in node.names]
    assert sorted(name for _, name in listed) == sorted(module.__all__)
    assert all(getattr(module, name) is getattr(import_module(home), name) for home, name in listed)


def test_importing_a_package_loads_nothing_of_it():
    loaded = "[name for name in sys.modules if name.startswith('bertferry') and name.count('.') == 2]"
    code = f"import sys, {', '.join(PACKAGES)}; print({loaded})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "['bertferry.core.lazy']\n"
