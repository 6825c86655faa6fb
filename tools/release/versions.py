"""The version: its place is pyproject.toml; other files repeat it for their readers."""

import re
from collections.abc import Mapping
from pathlib import Path

from faults import ReleaseError

ROOT = Path(__file__).parents[2]
PROJECT = "pyproject.toml"
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
"""Semantic versions; pre-releases are not published."""
LINES = {
    PROJECT: r'(?m)^(?P<before>version = ")(?P<stated>[^"\n]*)(?=")',
    "CITATION.cff": r"(?m)^(?P<before>version: )(?P<stated>[^\n]*)$",
    "SECURITY.md": r"(?P<before>Only the latest version, )(?P<stated>\S+)(?=, receives fixes)",
}
"""The line of each file that states the version."""
RELEASED = r"(?m)^(?P<before>date-released: )(?P<stated>[^\n]*)$"
"""The line of CITATION.cff that states the date."""


def stated(text: str, pattern: str, name: str) -> str:
    """What the line of a file states.

    Raises:
      ReleaseError: there is no such line, or there are several.
    """
    found = list(re.finditer(pattern, text))
    if len(found) != 1:
        raise ReleaseError(f"{name}: {len(found)} lines instead of one state the version or its date")
    return found[0]["stated"].strip().strip("\"'")


def with_version(texts: Mapping[str, str], version: str, day: str) -> dict[str, str]:
    """The texts of `LINES` with another version.

    Raises:
      ReleaseError: it is no version, not above the present one, or a file has no line for it.
    """
    if not VERSION.fullmatch(version):
        raise ReleaseError(f"{version!r} is no version of the form 1.2.3")
    present = stated(texts[PROJECT], LINES[PROJECT], PROJECT)
    if _parts(version) < _parts(present):
        raise ReleaseError(f"{PROJECT}: version {present} is above {version}")
    changed = {}
    for name, pattern in LINES.items():
        changed[name] = _replace(texts[name], pattern, version, name)
    changed["CITATION.cff"] = _replace(changed["CITATION.cff"], RELEASED, day, "CITATION.cff")
    return changed


def check_version(texts: Mapping[str, str]) -> tuple[str, str]:
    """The version that all files state, and the date of its release.

    Raises:
      ReleaseError: a file states another one.
    """
    version = stated(texts[PROJECT], LINES[PROJECT], PROJECT)
    for name, pattern in LINES.items():
        if (other := stated(texts[name], pattern, name)) != version:
            raise ReleaseError(f"{name}: states version {other}, {PROJECT} {version}")
    return version, stated(texts["CITATION.cff"], RELEASED, "CITATION.cff")


def _replace(text: str, pattern: str, value: str, name: str) -> str:
    stated(text, pattern, name)
    return re.sub(pattern, lambda found: found["before"] + value, text)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split("."))) if VERSION.fullmatch(version) else ()
