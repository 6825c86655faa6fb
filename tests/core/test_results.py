"""Results become JSON in one way, and are read back by the types of their fields."""

import ast
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bertferry.core.errors import UsageError
from bertferry.core.results import Result, Schema, read_json

ROOT = Path(__file__).parent.parent.parent
PARTS = ("core", "modeling", "convert", "verify", "export")


@dataclass(frozen=True)
class Part:
    name: str
    size: int
    share: float | None = None

    def __post_init__(self):
        if self.size < 0:
            raise ValueError(f"size is {self.size}")


@dataclass(frozen=True)
class Whole(Result):
    SCHEMA = Schema.PARITY

    parts: tuple[Part, ...]
    by_name: Mapping[str, Part]
    place: tuple[int, float]
    anything: Mapping[str, Any]
    checked: bool

    def derived(self):
        return {"ok": self.checked}


WHOLE = Whole((Part("a", 1, math.inf), Part("b", 2)), {"c": Part("d", 3, 0.5)}, (4, -math.inf), {"e": [1]}, True)


def test_what_is_written_reads_back_as_it_was():
    stored = json.loads(WHOLE.to_json())
    assert stored == WHOLE.to_dict()
    assert list(stored)[:3] == ["schema", "ok", "parts"]
    assert stored["parts"][0]["share"] == "inf"
    again = Whole.from_dict(stored, "whole.json")
    assert replace(again, anything=WHOLE.anything) == WHOLE
    assert again.to_json() == WHOLE.to_json()


def test_no_number_is_written_that_json_has_no_form_for():
    odd = replace(WHOLE, anything={"nan": [math.nan, -math.inf]})
    assert json.loads(odd.to_json(), parse_constant=pytest.fail)["anything"] == {"nan": ["nan", "-inf"]}


def changed(path, value):
    """The JSON of `WHOLE` with another value at a path, or without it."""
    values = WHOLE.to_dict()
    *way, last = path
    inner = values
    for step in way:
        inner = inner[step]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return values


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (["schema"], None, "schema is missing, expected bertferry.parity/1"),
        (["schema"], "bertferry.parity/9", "schema is 'bertferry.parity/9', expected bertferry.parity/1"),
        (["checked"], None, "checked is missing"),
        (["checked"], 1, "checked must be true or false, not 1"),
        (["other"], 1, "unknown key other"),
        (["parts"], {}, "parts must be a list, not {}"),
        (["parts", 1, "name"], None, r"parts\[1\].name is missing"),
        (["parts", 1, "name"], 5, r"parts\[1\].name must be a string, not 5"),
        (["parts", 1, "size"], True, r"parts\[1\].size must be an integer, not True"),
        (["parts", 1, "size"], -1, r"parts\[1\]: size is -1"),
        (["parts", 0, "share"], "much", r"parts\[0\].share must be a number, not 'much'"),
        (["parts", 0, "share"], True, r"parts\[0\].share must be a number, not True"),
        (["parts", 0, "share"], [], r"parts\[0\].share must be a number, not \[\]"),
        (["parts", 0, "others"], 1, r"unknown key parts\[0\].others"),
        (["by_name", "c", "size"], None, "by_name.c.size is missing"),
        (["by_name", "c"], [], r"by_name.c must be an object, not \[\]"),
        (["anything"], "x", "anything must be an object, not 'x'"),
        (["place"], [1], "place must have 2 elements, not 1"),
        (["place", 0], 1.5, r"place\[0\] must be an integer, not 1.5"),
    ],
)
def test_what_is_missing_unknown_or_of_a_wrong_type_is_named(path, value, fault):
    with pytest.raises(UsageError, match=f"^whole.json: {fault}$"):
        Whole.from_dict(changed(path, value), "whole.json")


def test_another_value_than_an_object_is_refused():
    with pytest.raises(UsageError, match=r"whole.json: expected a JSON object, not \[1\]"):
        Whole.from_dict([1], "whole.json")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, None])
def test_a_file_that_holds_no_json_is_named(tmp_path, content):
    path = tmp_path / "some.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"some.json: (not valid JSON|cannot be read): "):
        read_json(path)


def test_the_schemas_stand_in_one_file():
    named = set()
    for path in (path for part in PARTS for path in (ROOT / part).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and node.value in set(Schema):
                named.add(path.name)
    assert named == {"results.py"}
