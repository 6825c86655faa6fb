"""The one exception family of bertferry: what a user has to know, in one line.

The public functions of `bertferry.convert`, `verify` and `export` raise `BertferryError` for faults of their
input; the commands print its message and end with its `exit_code`. `bertferry.modeling` raises `ValueError` and
`TypeError` for wrong arguments, as Keras does.
"""

import re
from collections.abc import Collection

FLAG = re.compile(r"--[a-z][a-z0-9-]*")


class BertferryError(Exception):
    """A fault that the user can act on, in one line: the file or tensor that it is about, and a remedy.

    `str` has both. A remedy may name flags; a command shows it only if it has them.
    """

    exit_code = 2

    def __init__(self, fault: str, remedy: str = "") -> None:
        super().__init__(fault, remedy)

    def __str__(self) -> str:
        return ": ".join(part for part in self.args if part)

    def message(self, flags: Collection[str]) -> str:
        """The line for a command that has these flags, such as `--config`."""
        fault, remedy = self.args
        return str(self) if set(FLAG.findall(remedy)) <= set(flags) else str(fault)


class UsageError(BertferryError):
    """A path, flag, configuration or output that is missing, unreadable, inconsistent or already there."""

    exit_code = 2


class DataError(BertferryError):
    """Bytes or tensors that contradict their checksum, index, configuration or vocabulary."""

    exit_code = 1


class UnavailableError(BertferryError):
    """A device or an optional component that was asked for and is not there."""

    exit_code = 3


def first_line(error: BaseException) -> str:
    """Another library's reason without what follows it: a stack of operations, a traceback, a dump."""
    text = str(getattr(error, "message", None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__
