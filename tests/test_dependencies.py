"""What the product imports is declared in pyproject.toml, and nothing else is."""

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PARTS = ("core", "modeling", "convert", "verify", "export")
NEEDED_UNSEEN = {"setuptools"}
"""Declared for another package's sake, which imports it and does not say so."""
NAMES = {"absl": "absl-py", "google": "protobuf"}
"""Distributions whose name is not that of their module."""
DEVELOPMENT = {"test"}
"""Extras that bring tools for this repository: the product imports nothing for their sake."""


def distribution(requirement):
    """The normalized name in a requirement such as `tensorflow[and-cuda]~=2.21.0`."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def imported():
    """Every distribution that the product imports, inside functions too, with one file that does."""
    found = {}
    for path in (path for part in PARTS for path in sorted((ROOT / part).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) else []
            for module in {name.split(".")[0] for name in modules} - sys.stdlib_module_names - {"bertferry"}:
                found[distribution(NAMES.get(module, module))] = str(path.relative_to(ROOT))
    return found


def declared():
    """The distributions of `dependencies` and of the extras that users install."""
    extras = PROJECT["optional-dependencies"]
    lists = [PROJECT["dependencies"], *(extras[name] for name in extras.keys() - DEVELOPMENT)]
    return {distribution(requirement) for requirements in lists for requirement in requirements}


def test_what_is_imported_is_declared():
    undeclared = {name: path for name, path in imported().items() if name not in declared()}
    assert undeclared == {}


def test_what_is_declared_is_imported():
    other_builds = {"onnxruntime-gpu": "onnxruntime"}
    unused = {name for name in declared() if other_builds.get(name, name) not in imported()}
    assert unused == NEEDED_UNSEEN


def test_every_requirement_has_a_lower_bound():
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    without = [line for lines in lists for line in lines if not re.search(r">=|~=|==", line)]
    assert {distribution(line) for line in without} == NEEDED_UNSEEN
