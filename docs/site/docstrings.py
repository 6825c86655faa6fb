"""Docstrings for the site: what they name must exist, and napoleon must read them as they are meant."""

import inspect
import re
from collections.abc import Iterator

from sphinx.application import Sphinx
from sphinx.util import logging

SECTION = re.compile(r"^(\w[\w ]*):$")
ENTRY = re.compile(r"^( {2,4})(\*{0,2}\w+(?:, \*{0,2}\w+)*):(?: |$)")
"""The start of an entry of a section, such as `device, precision: how candidates run`."""

logger = logging.getLogger(__name__)


def prepare(app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Checks a docstring before napoleon reads it, and changes what that would misread."""
    check_names(name, value, lines)
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]  # a comment: the words before a colon in the first line would become a type
    else:
        lines[:] = split_entries(lines)


def name_no_factory(
    app: Sphinx, what: str, name: str, value: object, options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """A signature that can be parsed: a field that a function fills shows `...`, not `<factory>`."""
    return signature and signature.replace("<factory>", "..."), returned


def check_names(name: str, value: object, lines: list[str]) -> None:
    """Warns of a docstring that describes an argument or attribute which there is not."""
    known = {"Args": arguments_of, "Attributes": attributes_of}
    for section, described in described_names(lines):
        if section in known and described not in known[section](value):
            logger.warning("the docstring of %s describes %s, which it does not have", name, described)


def described_names(lines: list[str]) -> Iterator[tuple[str, str]]:
    """The names that entries of sections describe, with the name of the section."""
    section = ""
    for line in lines:
        if heading := SECTION.match(line):
            section = heading[1]
        elif entry := ENTRY.match(line):
            for described in entry[2].split(", "):
                yield section, described.lstrip("*")


def arguments_of(value: object) -> set[str]:
    """The names of a function's parameters, of a class those of its constructor."""
    return set(inspect.signature(value).parameters) if callable(value) else set()


def attributes_of(value: object) -> set[str]:
    """The names of attributes that a class annotates or defines."""
    if not isinstance(value, type):
        return set()
    return set(dir(value)).union(*(inspect.get_annotations(base) for base in value.__mro__))


def split_entries(lines: list[str]) -> list[str]:
    """An entry for each name, where several names share one."""
    found: list[str] = []
    shared: list[list[str]] = []
    for line in lines:
        entry = ENTRY.match(line)
        if shared and (entry or not line.startswith(" ")):
            found += [one for lines_of_name in shared for one in lines_of_name]
            shared = []
        if entry and ", " in entry[2]:
            rest = line[entry.end(2) :]
            shared = [[f"{entry[1]}{name}{rest}"] for name in entry[2].split(", ")]
        elif shared:
            for lines_of_name in shared:
                lines_of_name.append(line)
        else:
            found.append(line)
    return found + [one for lines_of_name in shared for one in lines_of_name]
