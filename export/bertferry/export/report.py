"""What an export wrote and what was proven about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bertferry.convert.report import in_units
from bertferry.core.results import Result, Schema


@dataclass(frozen=True)
class ExportReport(Result):
    """An export: its source, the bytes of its weights, its output's files with theirs, and its parity verdict.

    A dry run has no files. `fresh_parameters` belong to heads that the source lacks.
    """

    SCHEMA = Schema.MODULE_EXPORT

    source: str
    source_layout: str
    output: str
    task: str
    precision: str
    configuration: dict[str, Any]
    fresh_parameters: tuple[str, ...]
    vocabulary: bool
    do_lower_case: bool | None
    weight_bytes: int
    files: Mapping[str, int]
    parity: dict[str, Any] | None
    verdict: str
    dry_run: bool = False

    @property
    def total_bytes(self) -> int:
        """Of all files."""
        return sum(self.files.values())

    def render(self) -> str:
        """The few lines that a terminal shows."""
        source = f"{self.source} ({self.source_layout})"
        about = [self._text()]
        if self.fresh_parameters:
            about.append(f"started fresh: {', '.join(self.fresh_parameters)}")
        if self.dry_run:
            weights = f", {self.precision}, {in_units(self.weight_bytes)} of weights" if self.weight_bytes else ""
            return "\n  ".join([f"would export {source} to {self.output}", f"{self.task}{weights}", *about])
        about[0] += f"; activation {self.configuration['activation']}"
        about.append(f"parity with the source: {self.verdict}")
        return "\n  ".join([f"exported {source} to {self.output} ({in_units(self.total_bytes)})", *about])

    def _text(self) -> str:
        if not self.vocabulary:
            return "no vocabulary: exported without its assets"
        return f"vocabulary with it, texts {'lower-cased' if self.do_lower_case else 'cased'}"
