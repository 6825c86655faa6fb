"""Choices that are checked where they are made: a value with an unknown name never comes to exist."""

from collections.abc import Iterable

from bertferry.core.errors import UsageError


def check_choice(what: str, value: object, known: Iterable[object]) -> None:
    """Refuses a name that is not among the known ones; None stands for no choice.

    Raises:
      UsageError: naming what it is a name of, and those that are known.
    """
    names = tuple(known)
    if value is not None and value not in names:
        raise UsageError(f"unknown {what} {value!r}: expected one of {', '.join(map(str, names))}")


def check_count(what: str, value: int | None) -> None:
    """Refuses a number that counts something and is not positive; None stands for no choice.

    Raises:
      UsageError: naming it.
    """
    if value is not None and value < 1:
        raise UsageError(f"{what} is {value}: at least 1 is needed")
