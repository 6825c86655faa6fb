"""Dependencies point one way, and checks before the work starts do not load TensorFlow."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("core", "modeling", "convert", "verify", "export")
"""Each imports only those before it."""
FILES = {
    ".".join(path.relative_to(ROOT / part).with_suffix("").parts).removesuffix(".__init__"): path
    for part in PARTS
    for path in sorted((ROOT / part).rglob("*.py"))
}
"""Every file of the product by its module's name."""


def imports(path):
    """The modules of bertferry that a file imports, inside functions too, and the line of each.

    Without their packages, whose `__init__.py` import what they publish.
    """
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in FILES else node.module for name in inner]
        else:
            continue
        yield from ((name, node.lineno) for name in names if name.split(".")[0] == "bertferry")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_those_below_it_alone(part):
    allowed = PARTS[: PARTS.index(part) + 1]
    files = sorted((ROOT / part).rglob("*.py"))
    assert files
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in files
        for name, line in imports(path)
        if name.split(".")[1] not in allowed
    ]
    assert wrong == []


def test_no_files_import_each_other_in_a_circle():
    graph = {module: {name for name, _ in imports(path)} for module, path in FILES.items()}
    assert {"bertferry.core.console", "bertferry.export.hub_exporter"} <= graph["bertferry.export.command"]
    TopologicalSorter(graph).prepare()  # its CycleError names the circle


def test_the_numpy_network_shares_nothing_with_the_networks_that_it_checks():
    folder = ROOT / "verify/bertferry/verify/numpy_network"
    ours = {name for path in folder.glob("*.py") for name, _ in imports(path)}
    assert "bertferry.core.tasks" in ours
    computing = ("bertferry.modeling", "bertferry.export", "bertferry.convert.loading", "bertferry.verify.runners")
    assert {name for name in ours if name.startswith(computing)} == set()


def test_only_programs_hold_back_stderr():
    """The descriptor belongs to the process: a library that replaces it loses what its caller's threads write."""
    users = {
        str(path.relative_to(ROOT))
        for part in PARTS
        for path in (ROOT / part).rglob("*.py")
        if "bertferry.core.quiet" in {name for name, _ in imports(path)}
    }
    assert users == {"core/bertferry/core/console.py"}


def test_packages_import_no_tools_and_no_tests():
    ours = {path.stem for folder in ("tools", "tests") for path in (ROOT / folder).glob("*.py")}
    for part in PARTS:
        for path in (ROOT / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [node.module] if isinstance(node, ast.ImportFrom) else []
                names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                assert not ours & {name.split(".")[0] for name in names if name}, path


def test_the_packages_load_no_tensorflow():
    modules = [f"bertferry.core.{path.stem}" for path in (ROOT / "core/bertferry/core").glob("*.py")]
    modules += ["bertferry.convert", "bertferry.verify", "bertferry.export"]
    code = f"import sys, {', '.join(modules)}; print([m for m in ('tensorflow', 'tf_keras') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
