"""The one exception family of bertferry: what a user has to know, in one line.

The public functions of `bertferry.convert`, `verify` and `export` raise `BertferryError` for faults of their
input; the commands print its message and end with its `exit_code`. `bertferry.modeling` raises `ValueError` and
`TypeError` for wrong arguments, as Keras does.
"""


class BertferryError(Exception):
    """A fault that the user can act on. The message is one line naming the file or tensor and the way out."""

    exit_code = 2


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
