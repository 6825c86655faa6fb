"""The tool that makes releases builds the same bytes in all surroundings, and refuses what does not."""

import subprocess
import sys
import tarfile
from importlib import import_module
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools/release"


@pytest.fixture(scope="module")
def building():
    """The module of tools/release, which is a script with neighbors."""
    sys.path.insert(0, str(TOOL))
    yield import_module("building")
    sys.path.remove(str(TOOL))


@pytest.fixture(scope="module")
def refusal(building):
    return building.ReleaseError


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with a package of this project's backend in two folders, an executable and ignored files."""
    root = tmp_path_factory.mktemp("repository") / "tree"
    for name in ("one/pack/__init__.py", "one/pack/tool.sh", "two/pack/other.py", "README.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("# text\n")
    (root / "one/pack/tool.sh").chmod(0o755)
    (root / ".gitignore").write_text("ignored.py\n")
    (root / "one/pack/ignored.py").write_text("")
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "pack"\nversion = "1.0.0"\n'
        '[tool.hatch.build.targets.wheel]\nonly-include = ["one", "two"]\nsources = ["one", "two"]\n'
    )
    git(root, "init", "--quiet")
    commit(root)
    return root


def git(root, *arguments):
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


def commit(root):
    git(root, "add", "--all")
    identity = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.com", "-c", "commit.gpgsign=false")
    git(root, *identity, "commit", "--quiet", "--message", "Everything")


def test_packages_have_the_same_bytes_in_other_surroundings_and_no_ignored_file(building, repository, tmp_path):
    packages = building.build_twice(repository, tmp_path / "builds", Path(sys.executable))
    with tarfile.open(packages.sdist) as stored:
        names = {Path(name).name for name in stored.getnames()}
        times = {entry.mtime for entry in stored}
    assert {"tool.sh", "other.py", "pyproject.toml"} <= names
    assert "ignored.py" not in names
    assert times == {int(building.git(repository, "log", "-1", "--format=%ct"))}


def test_a_package_that_depends_on_its_surroundings_is_refused(building, refusal, repository, tmp_path):
    """One whose build hook writes the time zone, as tools that write the date do."""
    root = tmp_path / "tree"
    git(tmp_path, "clone", "--quiet", str(repository), str(root))
    (root / "hatch_build.py").write_text(
        "import os, pathlib\nfrom hatchling.builders.hooks.plugin.interface import BuildHookInterface\n"
        "class Hook(BuildHookInterface):\n    def initialize(self, version, build_data):\n"
        "        path = pathlib.Path(self.root, 'one/pack/zone.py')\n"
        "        path.write_text(os.environ['TZ'])\n        build_data['artifacts'].append('zone.py')\n"
    )
    with (root / "pyproject.toml").open("a") as project:
        project.write("[tool.hatch.build.hooks.custom]\n")
    commit(root)
    with pytest.raises(refusal, match=r"one/pack/zone.py differs in its content"):
        building.build_twice(root, tmp_path / "builds", Path(sys.executable))


def test_a_tree_with_changes_and_a_version_of_another_commit_are_refused(building, refusal, repository, tmp_path):
    root = tmp_path / "tree"
    git(tmp_path, "clone", "--quiet", str(repository), str(root))
    building.check_clean(root)
    git(root, "tag", "v1.0.0")
    building.check_tag(root, "1.0.0")
    (root / "README.md").write_text("changed")
    (root / "forgotten.py").write_text("")
    with pytest.raises(refusal, match=r"^README.md and 1 more: not as committed"):
        building.check_clean(root)
    commit(root)
    with pytest.raises(refusal, match=r"v1\.0\.0 is commit \w{7}, not \w{7}: nothing is released twice"):
        building.check_tag(root, "1.0.0")
    with pytest.raises(refusal, match="git status"):
        building.check_clean(tmp_path)
