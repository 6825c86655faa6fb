"""Checks of options at the point where they are set, so that no invalid value ever exists."""

from collections.abc import Iterable

from bertferry.core.errors import UsageError


def check_choice(what: str, value: object, known: Iterable[object]) -> None:
    """Refuses a name that is not among the known ones; None means that nothing was chosen.

    Raises:
      UsageError: naming the option and its known values.
    """
    names = tuple(known)
    if value is not None and value not in names:
        raise UsageError(f"unknown {what} {value!r}: expected one of {', '.join(map(str, names))}")


def check_count(what: str, value: int | None) -> None:
    """Refuses a count that is not positive; None means that nothing was chosen.

    Raises:
      UsageError: naming the option.
    """
    if value is not None and value < 1:
        raise UsageError(f"{what} is {value}: it must be at least 1")
