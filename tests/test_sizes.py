"""Files, functions and parameter lists stay short."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILES = sorted(
    path
    for folder in ("core", "modeling", "convert", "verify", "export", "tests", "tools", "examples")
    for path in (ROOT / folder).rglob("*.py")
)
INTERFACES_OF_2019 = ("networks", "layers")
"""Their constructors and functions keep the parameters of their release."""


def functions(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            yield node


def test_no_file_is_over_300_lines():
    long = {str(path): count for path in FILES if (count := len(path.read_text().splitlines())) > 300}
    assert long == {}


def test_no_function_is_over_60_lines():
    long = [
        f"{path}: {function.name}"
        for path in FILES
        for function in functions(path)
        if function.end_lineno - function.lineno + 1 > 60
    ]
    assert long == []


def test_public_functions_have_at_most_eight_parameters():
    wide = []
    for path in FILES:
        if path.parent.name in INTERFACES_OF_2019:
            continue
        for function in functions(path):
            names = [argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)]
            count = len([name for name in names if name not in ("self", "cls")])
            if not function.name.startswith("_") and count > 8 and "tests" not in path.parts:
                wide.append(f"{path}: {function.name}")
    assert wide == []
