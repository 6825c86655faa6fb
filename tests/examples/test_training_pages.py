"""The commands of examples that documents show parse, and are of files that are there."""

import re
import shlex
from pathlib import Path

import pytest
from judges import skip_without

skip_without("tensorflow", "tf_keras", "tokenizers")
import run_pretraining  # noqa: E402 - its packages may be missing
import run_squad  # noqa: E402 - likewise

ROOT = Path(__file__).parent.parent.parent
PARSERS = {f"examples/{module.__name__}.py": module.build_parser() for module in (run_squad, run_pretraining)}
COMMAND = re.compile(r"^python (examples/run_(?:squad|pretraining)\.py(?:.*\\\n)*.*)$", re.MULTILINE)
LINES = [
    " ".join(found.replace("\\\n", " ").split())
    for page in sorted((ROOT / "docs").glob("training-*.md"))
    for found in COMMAND.findall(page.read_text())
]


def test_both_are_shown():
    assert {shlex.split(line)[0] for line in LINES} == set(PARSERS)


@pytest.mark.parametrize("line", LINES)
def test_a_command_that_is_shown_parses(line):
    program, *arguments = shlex.split(line)
    assert PARSERS[program].parse_args(arguments).output
