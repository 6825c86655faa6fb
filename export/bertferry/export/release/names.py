"""Names in the output of a family: those of models, and of what lies beside them."""

from bertferry.core.errors import UsageError

FAILED, MEASURED, RUNS, REPORT = "failed", "measured", "runs", "release"
"""Folders of failures, measurements and events, and the name of the report without its suffix."""
RESERVED = (FAILED, MEASURED, RUNS, *(f"{REPORT}.{kind}" for kind in ("json", "md", "html")))
LONGEST = 150
"""Characters; the names of temporary siblings are longer, and file systems allow 255 bytes."""


def check_name(name: str, place: str) -> None:
    """Refuses a name that cannot be that of a folder in the output, or of a file beside it.

    Raises:
      UsageError: naming `place`.
    """
    if name in RESERVED:
        raise UsageError(f"{place}: the name {name!r} is reserved: choose another with name")
    if not name or name.startswith(".") or any(sign in "/\\:" or not sign.isprintable() for sign in name):
        raise UsageError(f"{place}: {name!r} is no name of a folder: choose another with name")
    if len(name.encode()) > LONGEST:
        raise UsageError(
            f"{place}: the name {name!r:.40} is longer than {LONGEST} bytes: choose another with name"
        )
