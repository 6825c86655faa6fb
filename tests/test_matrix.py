"""The matrix covers what pyproject.toml claims."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent
TABLE = runpy.run_path(str(ROOT / "tools/matrix/environments.py"))
ENVIRONMENTS, PROJECT = TABLE["ENVIRONMENTS"], TABLE["PROJECT"]


def test_every_minor_version_of_tensorflow_has_an_environment():
    (requirement,) = [
        line for line in PROJECT["optional-dependencies"]["tensorflow"] if line.startswith("tensorflow>")
    ]
    first, end = map(int, re.fullmatch(r"tensorflow>=2\.(\d+),<2\.(\d+)", requirement).groups())
    run = {
        found[1]
        for e in ENVIRONMENTS
        for line in e.requirements
        if (found := re.match(r"tensorflow==2\.(\d+)", line))
    }
    assert run == {str(minor) for minor in range(first, end)}


def test_every_python_of_the_classifiers_runs_the_base():
    claimed = {found[1] for line in PROJECT["classifiers"] if (found := re.search(r":: Python :: (3\.\d+)", line))}
    assert claimed <= {environment.python for environment in ENVIRONMENTS if environment.suite == "base"}


def test_the_lowest_versions_are_those_of_every_dependency():
    (lowest,) = [environment for environment in ENVIRONMENTS if environment.name == "base-lowest"]
    assert [line.replace("==", ">=") for line in lowest.requirements] == PROJECT["dependencies"]


def test_the_workflow_runs_environments_that_exist():
    workflow = (ROOT / ".github/workflows/test.yml").read_text()
    named = dict(re.findall(r'environment: ([\w.-]+), python: "([\d.]+)"', workflow))
    assert named.items() <= {environment.name: environment.python for environment in ENVIRONMENTS}.items()
    assert len(named) > 3
