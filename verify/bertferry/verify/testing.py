"""Parity assertions for other test suites."""

from collections.abc import Sequence
from pathlib import Path

from bertferry.convert import SourceOptions
from bertferry.verify.console_report import render
from bertferry.verify.options import ParityOptions
from bertferry.verify.parity import verify_parity


def assert_parity(
    reference: str | Path,
    candidate: str | Path | Sequence[str | Path],
    options: ParityOptions = ParityOptions(),
    source: SourceOptions = SourceOptions(),
) -> None:
    """Asserts that artifacts compute the same function, by the criteria of `verify-parity`.

    Args:
      reference, candidate: `[KIND:]PATH` each; several candidates as a list.
      options, source: as for `bertferry.verify.verify_parity`.

    Raises:
      AssertionError: they do not; the message is the console report.
      BertferryError: an artifact cannot be opened, or the options conflict.
    """
    __tracebackhide__ = True  # pytest shows the caller's line instead of this one
    candidates = [candidate] if isinstance(candidate, str | Path) else list(candidate)
    report = verify_parity(reference, candidates, options, source=source)
    if not report.ok:
        raise AssertionError(render(report))
