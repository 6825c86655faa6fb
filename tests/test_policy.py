"""The policy lists every schema and every public package, and the notes on upgrading show what really happens."""

import re
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

from bertferry.core.results import Schema

ROOT = Path(__file__).parent.parent
PARTS = ("core", "modeling", "convert", "verify", "export")
POLICY = (ROOT / "docs/policy.md").read_text()
UPGRADING = (ROOT / "docs/upgrading.md").read_text()
ROWS = re.findall(r"^\| `(bertferry\.[\w-]+/\d+)` \|", POLICY, re.MULTILINE)


def schemas_of_the_code():
    """Every schema that a file of the product states, by its name without the number."""
    sources = "\n".join(path.read_text() for part in PARTS for path in (ROOT / part).rglob("*.py"))
    return set(re.findall(r'"(bertferry\.[\w-]+/\d+)"', sources))


def test_the_policy_lists_every_schema_once():
    assert len(ROWS) == len(set(ROWS))
    earlier = set(re.findall(r"`(bertferry\.[\w-]+/\d+)`", POLICY)) - set(ROWS)
    assert {*ROWS} | earlier == schemas_of_the_code()
    assert {schema.value for schema in Schema} <= {*ROWS}


def test_earlier_forms_have_a_lower_number_than_those_that_are_written():
    numbers = dict(row.split("/") for row in ROWS)
    for schema in schemas_of_the_code() - {*ROWS}:
        name, number = schema.split("/")
        assert int(number) < int(numbers[name])


@pytest.mark.parametrize("package", ["convert", "verify", "export"])
def test_what_is_public_exists(package):
    module = import_module(f"bertferry.{package}")
    assert f"`bertferry.{package}`" in POLICY
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_the_notes_on_upgrading_name_calls_that_exist():
    """Those of the second column, bound to today's functions."""
    calls = re.findall(r"^\| [^|]+ \| `((?:convert|export|verify|open)_\w+)\((.*?)\)` \|", UPGRADING, re.MULTILINE)
    assert len(calls) == 4
    names: dict[str, Callable[..., object]] = {}
    for package in ("convert", "verify", "export"):
        module = import_module(f"bertferry.{package}")
        names |= {
            name: getattr(module, name) for name in module.__all__ if name.endswith(("Options", "checkpoint"))
        }
        names |= {name: getattr(module, name) for name, _ in calls if name in module.__all__}
    for name, arguments in calls:
        bound = signature(names[name]).bind
        eval(f"bound({arguments})", {"bound": bound, **names, "a": "a", "b": "b", "c": "c"})


def test_each_minor_version_has_notes_on_upgrading_to_it():
    released = re.findall(r"^## \[(\d+\.\d+\.0)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    noted = re.findall(r"^## From \S+ to (\S+)$", UPGRADING, re.MULTILINE)
    assert noted
    assert set(released) - {"0.1.0"} <= set(noted)
