"""What is imported is declared in pyproject.toml, and what is declared is imported."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from bertferry.core import extras

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PRODUCT = [
    path for part in ("core", "modeling", "convert", "verify", "export") for path in (ROOT / part).rglob("*.py")
]
NEEDED_UNSEEN = {"setuptools"}
"""Declared for another package, which imports it without declaring it."""
NAMES = {"absl": "absl-py", "google": "protobuf"}
"""Distributions whose name differs from their module's."""
DEVELOPMENT = {"test", "docs"}
"""Extras with tools for this repository, which the product does not import."""


def distribution(requirement):
    """The normalized name in a requirement such as `tensorflow[and-cuda]~=2.21.0`."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def imported(paths, nodes_of=ast.walk):
    """The distributions that Python files import, each with one file that does."""
    found = {}
    for path in paths:
        for node in nodes_of(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) else []
            for module in {name.split(".")[0] for name in modules} - sys.stdlib_module_names - {"bertferry"}:
                found[distribution(NAMES.get(module, module))] = str(path.relative_to(ROOT))
    return found


def declared(extras):
    """The distributions of `dependencies` and of some extras."""
    return set(map(distribution, PROJECT["dependencies"])).union(*map(installed_by, extras))


def installed_by(extra):
    """The distributions that an extra adds, those of the extras that it refers to included."""
    found: set[str] = set()
    for requirement in EXTRAS[extra]:
        if referred := re.fullmatch(r"bertferry\[([\w,]+)\]", requirement):
            found = found.union(*map(installed_by, referred[1].split(",")))
        else:
            found.add(distribution(requirement))
    return found


def test_the_extras_install_what_the_product_expects_of_them():
    expected = {extra: set(map(distribution, modules)) for extra, modules in extras.EXTRAS.items()}
    assert {extra: installed_by(extra) - NEEDED_UNSEEN for extra in expected} == expected
    assert installed_by("gpu") == {"onnx", "onnxruntime-gpu"}
    assert installed_by("all") == set().union(*map(installed_by, ("tensorflow", "cpu", "litert", "text")))


def test_what_the_base_imports_is_declared_without_extras():
    """A module of an extra is imported behind a check that it is installed."""
    optional = {distribution(module) for modules in extras.EXTRAS.values() for module in modules}
    assert {name: path for name, path in imported(PRODUCT).items() if name not in optional | declared(())} == {}


def test_what_the_product_imports_is_declared():
    allowed = declared(EXTRAS.keys() - DEVELOPMENT)
    assert {name: path for name, path in imported(PRODUCT).items() if name not in allowed} == {}


def test_what_is_declared_is_imported():
    other_builds = {"onnxruntime-gpu": "onnxruntime"}
    seen = imported(PRODUCT)
    unused = {name for name in declared(EXTRAS.keys() - DEVELOPMENT) if other_builds.get(name, name) not in seen}
    assert unused == NEEDED_UNSEEN


OF_THE_BASE = ("core", "convert")


@pytest.mark.parametrize(
    ("folders", "installed"), [(OF_THE_BASE, {"test"}), (("modeling", "verify", "export"), {"test", "all"})]
)
def test_tests_are_collected_without_other_packages(folders, installed):
    """Those of `judges.py`, or of the fixture or `importorskip` that skips a test."""
    shared = [*(ROOT / "tools").glob("*.py"), *(ROOT / "tests").glob("*.py")]
    tests = [path for folder in folders for path in (ROOT / "tests" / folder).rglob("*.py")]
    collected = [path for path in tests if path.name.startswith(("test_", "conftest"))]
    at_once = imported([*collected, ROOT / "tests/conftest.py"], nodes_of=lambda module: module.body)
    allowed = declared(installed) | {path.stem.replace("_", "-") for path in (*shared, *tests)}
    assert {name: path for name, path in at_once.items() if name not in allowed} == {}


def test_every_requirement_has_a_lower_bound():
    lists = [PROJECT["dependencies"], *EXTRAS.values()]
    without = [line for lines in lists for line in lines if not re.search(r">=|~=|==|^bertferry\[", line)]
    assert {distribution(line) for line in without} == NEEDED_UNSEEN
