"""The tool that makes releases: its changelog loses nothing, what is wrong is one line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neighbors import neighbors_of

ROOT = Path(__file__).parent.parent
TOOL = ROOT / "tools/release"
DATE = "2026-11-26"


@pytest.fixture(scope="module")
def tool():
    """The modules of tools/release, which is a script with neighbors."""
    with neighbors_of(TOOL) as load:
        yield load


@pytest.fixture(scope="module")
def changelog(tool):
    return tool("changelog")


@pytest.fixture(scope="module")
def refusal(tool):
    return tool("faults").ReleaseError


BEFORE = """# Changelog

Its form.

## [Unreleased]

### Fixed

- A fault,
  on two lines.

### Added

- One.

- Two.

### Fixed

- Another fault.

## [0.1.0] - 2026-11-23

### Added

- The first.
"""
AFTER = """# Changelog

Its form.

## [Unreleased]

## [0.2.0] - 2026-11-26

### Added

- One.
- Two.

### Fixed

- A fault,
  on two lines.
- Another fault.

## [0.1.0] - 2026-11-23

### Added

- The first.
"""


def test_what_is_unreleased_becomes_the_section_of_a_version(changelog):
    assert changelog.with_release(BEFORE, "0.2.0", DATE) == AFTER
    assert changelog.check_release(AFTER, "0.2.0") == DATE


KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.lists(
            st.from_regex(r"- [^\s#][^\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]{0,9}", fullmatch=True),
            min_size=1,
            max_size=4,
        ),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(entries=ENTRIES, blank=st.booleans())
def test_no_line_is_lost_and_the_kinds_are_sorted(changelog, entries, blank):
    between = "\n\n" if blank else "\n"
    body = "\n\n".join(f"### {kind}\n\n{between.join(lines)}" for kind, lines in entries)
    text = changelog.with_release(f"# Changelog\n\n## [Unreleased]\n\n{body}\n", "1.2.3", DATE)
    _, (unreleased, released) = changelog.read(text)
    assert (unreleased.kinds, released.version, released.date) == ({}, "1.2.3", DATE)
    given_lines = [(kind, line.rstrip("\n")) for kind, lines in entries for line in lines]
    assert [(kind, line) for kind in released.kinds for line in released.kinds[kind]] == [
        pair for kind in KINDS for pair in given_lines if pair[0] == kind
    ]
    assert changelog.check_release(text, "1.2.3") == DATE


def test_the_projects_own_changelog_is_released_without_loss(changelog):
    text = (ROOT / "CHANGELOG.md").read_text()
    more = "## [Unreleased]\n\n### Fixed\n\n- One more fault.\n"
    heading = "## [Unreleased]\n\n## "  # right after a release, nothing is unreleased
    text = text.replace(heading, f"{more}\n## ")
    released = changelog.with_release(text, "99.0.0", DATE)

    def content(of):
        return sorted(line for line in of.splitlines() if line.strip() and not re.match(r"##", line))

    assert content(released) == content(text)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("## [Unreleased]", "## [0.2.0] - 2026-11-25", "0.2.0 has a section: nothing is released twice"),
        ("## [0.1.0]", "## [Unreleased]", "Unreleased has 2 sections: join them"),
        ("## [Unreleased]", "## Unreleased", "'## Unreleased': expected '## [VERSION] - DATE'"),
        ("### Added\n\n- One", "### Add\n\n- One", "unknown kind 'Add': expected one of Added, Changed"),
        ("### Fixed\n\n- A fault", "- A fault", "'- A fault,' stands under no kind of change"),
        (BEFORE[BEFORE.index("### Fixed") : BEFORE.index("## [0.1.0]")], "", "the first section is not"),
    ],
)
def test_a_changelog_that_cannot_be_released_is_one_line(changelog, refusal, old, new, fault):
    with pytest.raises(refusal, match=re.escape(fault)) as caught:
        changelog.with_release(BEFORE.replace(old, new), "0.2.0", DATE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "## [0.2.0] - 2026-11-26",
            "## [0.3.0] - 2026-11-26",
            "no section 0.2.0: run 'python tools/release prepare",
        ),
        (" - 2026-11-26", "", "'' is no date of the form YYYY-MM-DD"),
        (" - 2026-11-26", " - 26.11.2026", "'26.11.2026' is no date"),
        ("## [Unreleased]", "## [Unreleased]\n\n### Added\n\n- New.", "Unreleased is above 0.2.0"),
        (AFTER[AFTER.index("### Added") : AFTER.index("## [0.1.0]")], "", "the section 0.2.0 is empty"),
    ],
)
def test_a_commit_whose_changelog_is_not_that_of_its_version_is_refused(changelog, refusal, old, new, fault):
    with pytest.raises(refusal, match=re.escape(fault)):
        changelog.check_release(AFTER.replace(old, new, 1), "0.2.0")


@pytest.fixture(scope="module")
def texts(tool):
    return {name: (ROOT / name).read_text() for name in tool("versions").LINES}


def test_every_file_states_the_version_and_a_change_reaches_each(tool, texts):
    versions = tool("versions")
    present, _ = versions.check_version(texts)
    changed = versions.with_version(texts, "99.1.2", DATE)
    assert versions.check_version(changed) == ("99.1.2", DATE)
    for name, text in texts.items():
        differing = [
            (old, new)
            for old, new in zip(text.splitlines(), changed[name].splitlines(), strict=True)
            if old != new
        ]
        assert any(new == old.replace(present, "99.1.2") for old, new in differing)
        assert len(differing) <= (2 if name == "CITATION.cff" else 1)


@pytest.mark.parametrize(
    ("name", "pattern", "value", "fault"),
    [
        ("CITATION.cff", r"(?m)^version: .*$", "version: 0.0.1", "CITATION.cff: states version 0.0.1, pyproject"),
        (
            "SECURITY.md",
            r"version, \S+, receives",
            "version, 0.0.1, receives",
            "SECURITY.md: states version 0.0.1",
        ),
        ("SECURITY.md", r"Only the latest version", "The latest", "SECURITY.md: 0 lines instead of one state"),
        ("pyproject.toml", r"(?m)^(version = .*)$", r"\1\n\1", "pyproject.toml: 2 lines instead of one state"),
    ],
)
def test_versions_that_contradict_each_other_are_refused(tool, refusal, texts, name, pattern, value, fault):
    with pytest.raises(refusal, match=re.escape(fault)):
        tool("versions").check_version({**texts, name: re.sub(pattern, value, texts[name])})


@pytest.mark.parametrize("version", ["v1.2.3", "1.2", "1.2.3rc1", "01.2.3", "0.0.1"])
def test_other_versions_are_refused(tool, refusal, texts, version):
    with pytest.raises(refusal, match=re.escape(version)):
        tool("versions").with_version(texts, version, DATE)


def test_the_command_refuses_in_one_line_and_changes_nothing(tmp_path):
    dirty = ROOT / "pyproject.toml"
    before = dirty.read_bytes()
    run = subprocess.run([sys.executable, TOOL, "prepare", "0.0.1"], capture_output=True, text=True, cwd=tmp_path)
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert run.stderr.startswith("tools/release: pyproject.toml: version ")
    assert dirty.read_bytes() == before


def test_what_is_installed_is_what_the_project_states(tool):
    installing = tool("installing")
    assert installing.pythons() == ("3.11", "3.12", "3.13")
    assert set(installing.commands()) == {
        "bertferry",
        *re.findall(r"^## (\S+-\S+)$", (ROOT / "docs/commands.md").read_text(), re.MULTILINE),
    }
    assert (ROOT / installing.FIXTURE).is_dir()
