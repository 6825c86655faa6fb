"""The report of a module export."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bertferry.convert.report import in_units
from bertferry.core.results import Result, Schema


@dataclass(frozen=True)
class ExportReport(Result):
    """An export: source, size of the weights in bytes, output files with their sizes, and parity verdict.

    A dry run has no files. `fresh_parameters` are the initialized ones of heads that the source lacks; `notes` say
    what was chosen among the files of the source without being named, and how its ONNX files were judged.
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
    tokenizer: Mapping[str, Any] | None
    weight_bytes: int
    files: Mapping[str, int]
    parity: dict[str, Any] | None
    verdict: str
    dry_run: bool = False
    notes: tuple[str, ...] = ()

    @property
    def total_bytes(self) -> int:
        """Total size of all files in bytes."""
        return sum(self.files.values())

    def render(self) -> str:
        """The summary shown on the terminal."""
        source = f"{self.source} ({self.source_layout})"
        details = [self._text(), *(f"note: {note}" for note in self.notes)]
        if self.fresh_parameters:
            details.append(f"initialized: {', '.join(self.fresh_parameters)}")
        if self.dry_run:
            weights = f", {self.precision}, {in_units(self.weight_bytes)} of weights" if self.weight_bytes else ""
            return "\n  ".join([f"would export {source} to {self.output}", f"{self.task}{weights}", *details])
        details[0] += f"; activation {self.configuration['activation']}"
        details.append(f"parity with the source: {self.verdict}")
        return "\n  ".join([f"exported {source} to {self.output} ({in_units(self.total_bytes)})", *details])

    def _text(self) -> str:
        if not self.vocabulary:
            return "no vocabulary: exported without text assets"
        return f"vocabulary included, texts {'lower-cased' if self.do_lower_case else 'cased'}"
