"""The exceptions of bertferry: each says in one line what the user needs to know.

The public functions of `bertferry.convert`, `verify` and `export` raise `BertferryError` for errors in their
input; the commands print its message and exit with its `exit_code`. `bertferry.modeling` raises `ValueError` and
`TypeError` for wrong arguments, as Keras does.
"""

import re
from collections.abc import Collection

FLAG = re.compile(r"--[a-z][a-z0-9-]*")


class BertferryError(Exception):
    """An error that the user can act on, in one line: what is wrong with which file or tensor, and a remedy.

    `str` gives both. A remedy may name flags; a command shows it only if it has all of them.
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
    """A path, flag, configuration or output that is missing, unreadable, inconsistent, or that already exists."""

    exit_code = 2


class DataError(BertferryError):
    """Bytes or tensors that contradict their checksum, index, configuration or vocabulary."""

    exit_code = 1


class UnavailableError(BertferryError):
    """A device or an optional component that was requested but is not available."""

    exit_code = 3


def first_line(error: BaseException) -> str:
    """The first line of another library's error, without the operation stack, traceback or dump after it.

    ONNX Runtime lists indices and sizes of wrong dimensions in the lines after it: they belong to it.
    """
    text = str(getattr(error, "message", None) or error).strip()
    first, *more = text.splitlines() or [type(error).__name__]
    return " ".join([first, *(line.strip() for line in more if line.startswith(" index: "))])
