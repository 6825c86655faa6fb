"""The wheel contains every module of the tree, works outside the checkout, and answers without heavy imports."""

import os
import subprocess
import sys
import venv
import zipfile
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from test_dependencies import EXTRAS, PROJECT

from bertferry.core import extras

ROOT = Path(__file__).parent.parent
PARTS = ("core", "modeling", "convert", "export", "verify")
MODULES = {
    "convert-checkpoint": "bertferry.convert.command",
    "export-hub-module": "bertferry.export.command",
    "export-litert": "bertferry.export.litert.command",
    "export-onnx": "bertferry.export.onnx.command",
    "publish-model": "bertferry.export.publish.command",
    "release-models": "bertferry.export.release.command",
    "verify-parity": "bertferry.verify.command",
}
COMMANDS = tuple(MODULES)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The built wheel. hatchling is already installed, so a build without isolation needs no network."""
    output = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(output), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = output.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def install(wheel, tmp_path_factory):
    """Makes an environment of the wheel, the base alone or with an extra, from packages of this environment."""

    @cache
    def make(extra):
        environment = tmp_path_factory.mktemp("environment")
        venv.create(environment, with_pip=False)
        pip = [sys.executable, "-m", "pip", "--python", environment / "bin" / "python", "install", "--quiet"]
        subprocess.run([*pip, "--no-deps", "--no-index", "--no-compile", wheel], check=True)
        (site,) = environment.glob("lib/python*/site-packages")
        for requirement in (*PROJECT["dependencies"], *EXTRAS.get(extra, ())):
            link(Requirement(requirement), site)
        return environment

    return make


def run_installed(command, folder):
    """Runs a command of another environment, without the checkout on its path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def link(requirement, site):
    """Links the files of a distribution, and of what it requires in turn, into another environment."""
    found = distribution(requirement.name)
    entries = {file.parts[0] for file in found.files if file.parts[0] not in ("..", "__pycache__")}
    new = [entry for entry in entries if not (site / entry).exists()]
    for entry in new:
        (site / entry).symlink_to(Path(str(found.locate_file(entry))).resolve())
    if new:
        for needed in map(Requirement, found.requires or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                link(needed, site)


@pytest.fixture(scope="session")
def installed(install):
    """An environment with the base alone."""
    return install("base")


def test_the_wheel_holds_every_module_of_the_tree(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    packed = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    tree = {
        str(path.relative_to(ROOT / part))
        for part in PARTS
        for path in (ROOT / part).rglob("*")
        if path.is_file() and path.suffix in (".py", ".typed", ".txt", ".html")
    }
    assert packed == tree
    assert "bertferry/__init__.py" not in packed
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_citation_names_the_version(wheel):
    assert f"version: {wheel.name.split('-')[1]}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("command", ["bertferry", *COMMANDS])
def test_an_installed_command_answers_away_from_the_checkout(installed, tmp_path, command):
    run = run_installed([installed / "bin" / command, "--help"], tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"usage: {command}")


def test_the_installed_package_runs_as_a_module(installed, tmp_path):
    run = run_installed([installed / "bin" / "python", "-m", "bertferry", "verify", "--help"], tmp_path)
    assert run.stdout.startswith("usage: bertferry verify "), run.stderr


def test_the_installed_code_is_the_wheels(installed, tmp_path):
    code = "import bertferry.convert.command as c; print(c.__file__)"
    run = run_installed([installed / "bin" / "python", "-c", code], tmp_path)
    assert Path(run.stdout.strip()).is_relative_to(installed), run.stderr


@pytest.mark.parametrize("suite", ["base", "cpu"])
def test_an_installation_works_without_tensorflow(install, tmp_path, suite):
    """`base` converts and refuses the rest; `cpu` exports ONNX files and verifies them, too."""
    environment = install(suite)
    run = run_installed([environment / "bin" / "python", ROOT / "tools/matrix/smoke.py", suite], tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr


OPTIONAL = {module for modules in extras.EXTRAS.values() for module in modules}
HEAVY = OPTIONAL | {"numpy", "google", "h5py", "ml_dtypes", "safetensors", "crc32c", "bertferry.modeling"}
"""What `--help` and a wrong flag do not wait for."""


def answer(command, arguments, not_loaded, tmp_path):
    """Runs a command in a process of its own, in which it must not load some modules."""
    code = (
        f"import sys; from {MODULES[command]} import main; code = main({arguments!r}); "
        f"loaded = {not_loaded!r} & set(sys.modules); assert not loaded, loaded; sys.exit(code)"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("arguments", [["--help"], ["--no-such-flag"], ["--verbosity=foo"], []])
def test_quick_answers_load_nothing_heavy(command, arguments, tmp_path):
    run = answer(command, arguments, HEAVY, tmp_path)
    assert run.returncode == (0 if arguments == ["--help"] else 2), run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        ("convert-checkpoint", "--input"),
        ("export-hub-module", "--checkpoint"),
        ("export-onnx", "--checkpoint"),
        ("verify-parity", "--reference"),
    ],
)
@pytest.mark.parametrize("fault", ["missing file", "broken configuration"])
def test_missing_files_and_broken_configurations_load_no_optional_package(command, flag, fault, golden, tmp_path):
    source = tmp_path / "source"
    if fault == "broken configuration":
        source.mkdir()
        for path in (golden / "tf1_core_L2").iterdir():
            (source / path.name).write_bytes(path.read_bytes())
        (source / "bert_config.json").write_text("{")
    other = ["--candidate", str(source)] if command == "verify-parity" else ["--output", str(tmp_path / "out")]
    run = answer(command, [flag, str(source), *other], OPTIONAL, tmp_path)
    assert run.returncode == 2, run.stderr
    assert run.stderr.count("\n") == 1
    assert str(source) in run.stderr


def test_the_environment_of_a_command_does_not_matter(golden, tmp_path):
    """A locale without UTF-8 and a closed stdout must not cause a traceback."""
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-c", "from bertferry.convert.command import run; run()"]
    run = subprocess.run(
        [*command, "--input", str(golden / "tf1_core_L2"), "--inspect"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr
