"""CHANGELOG.md: what is unreleased becomes the section of a version, and that section is checked.

Its form is that of Keep a Changelog: `## [VERSION] - DATE` or `## [Unreleased]`, with the kinds of change as
headings below. Nothing that somebody wrote is lost or reworded: lines move as they are, only empty lines go.
"""

import re
from dataclasses import dataclass
from datetime import date

from faults import ReleaseError

KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
"""The kinds of change, in the order in which they are shown."""
UNRELEASED = "Unreleased"
FILE = "CHANGELOG.md"
HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\S+))?\s*$")


@dataclass
class Section:
    """What changed in a version, its lines by kind; the date is '' if the heading has none."""

    version: str
    date: str
    kinds: dict[str, list[str]]

    def render(self) -> str:
        """The section as text, its kinds in the order of `KINDS`."""
        heading = f"## [{self.version}]" + (f" - {self.date}" if self.date else "")
        parts = [f"### {kind}\n\n" + "\n".join(self.kinds[kind]) for kind in KINDS if self.kinds.get(kind)]
        return "\n\n".join([heading, *parts]) + "\n"


def read(text: str) -> tuple[str, list[Section]]:
    """What is above the first section, and the sections in their order.

    Raises:
      ReleaseError: a heading of another form, an unknown kind, or lines that belong to no kind.
    """
    preface, *bodies = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    sections = [_read_section(body) for body in bodies]
    versions = [section.version for section in sections]
    for version in versions:
        if versions.count(version) > 1:
            raise ReleaseError(f"{FILE}: {version} has {versions.count(version)} sections: join them")
    return preface, sections


def _read_section(body: str) -> Section:
    heading, *lines = body.splitlines()
    found = HEADING.match(heading)
    if found is None:
        raise ReleaseError(f"{FILE}: {heading!r}: expected '## [VERSION] - DATE' or '## [{UNRELEASED}]'")
    kinds: dict[str, list[str]] = {}
    kind = None
    for line in lines:
        if line.startswith("### "):
            kind = line.removeprefix("### ").strip()
            if kind not in KINDS:
                raise ReleaseError(f"{FILE}: unknown kind {kind!r}: expected one of {', '.join(KINDS)}")
        elif line.strip():
            if kind is None:
                raise ReleaseError(f"{FILE}: {line!r} stands under no kind of change, such as '### Added'")
            kinds.setdefault(kind, []).append(line)
    return Section(found["version"], found["date"] or "", kinds)


def with_release(text: str, version: str, day: str) -> str:
    """The text with what is unreleased as the section of a version, and an empty unreleased one above it.

    Raises:
      ReleaseError: nothing is unreleased, or the version has a section.
    """
    preface, sections = read(text)
    if any(section.version == version for section in sections):
        raise ReleaseError(f"{FILE}: {version} has a section: nothing is released twice")
    unreleased = sections[0] if sections else Section("", "", {})
    if unreleased.version != UNRELEASED or not unreleased.kinds:
        raise ReleaseError(f"{FILE}: the first section is not '## [{UNRELEASED}]' with what changed")
    check_date(day)
    released = Section(version, day, unreleased.kinds)
    kept = text[len(preface) :].partition("\n## ")[2]  # older sections stay as they are
    empty = Section(UNRELEASED, "", {}).render()
    return preface + "\n".join([empty, released.render(), *([f"## {kept}"] if kept else [])])


def check_release(text: str, version: str) -> str:
    """The date of a version, whose section must be the first one with changes.

    Raises:
      ReleaseError: it has no section, an empty one, no date, or something else is unreleased.
    """
    _, sections = read(text)
    section = next((section for section in sections if section.version == version), None)
    if section is None:
        raise ReleaseError(f"{FILE}: no section {version}: run 'python tools/release prepare {version}'")
    if not section.kinds:
        raise ReleaseError(f"{FILE}: the section {version} is empty")
    check_date(section.date)
    newer = sections[: sections.index(section)]
    if filled := [other.version for other in newer if other.kinds or other.version != UNRELEASED]:
        raise ReleaseError(f"{FILE}: {filled[0]} is above {version} and says what changed since: release that")
    return section.date


def check_date(day: str) -> None:
    """Checks that a day is written `2026-11-26`."""
    try:
        valid = date.fromisoformat(day).isoformat() == day
    except ValueError:
        valid = False
    if not valid:
        raise ReleaseError(f"{FILE}: {day!r} is no date of the form YYYY-MM-DD")
