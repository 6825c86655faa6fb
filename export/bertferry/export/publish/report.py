"""The receipt of a published folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bertferry.convert.report import in_units
from bertferry.core.results import Result, Schema

RECEIPT = "publish_report.json"


@dataclass(frozen=True)
class Part:
    """A file of the folder, or a folder in it, that computes something: its path and size, what it is, and how it
    compares with the source; `parity` is the whole comparison, None if its bits are the source's."""

    path: str
    total_bytes: int
    what: str
    verdict: str
    parity: dict[str, Any] | None = None


@dataclass(frozen=True)
class PublishReport(Result):
    """A published folder: source, task, the parts that were compared, and the SHA-256 of every file.

    A dry run has no files, and parts without sizes. `conversion` is the report of the weights; `notes` say what
    users should know.
    """

    SCHEMA = Schema.PUBLISH

    source: str
    source_layout: str
    output: str
    task: str
    configuration: dict[str, Any]
    sentence: Mapping[str, Any] | None
    parts: tuple[Part, ...]
    files: Mapping[str, str]
    total_bytes: int
    conversion: dict[str, Any]
    versions: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def render(self) -> str:
        """The summary shown on the terminal."""
        source = f"{self.source} ({self.source_layout})"
        if not self.files:
            parts = [f"{part.path}: {part.what}" for part in self.parts]
            lines = [f"would publish {source} as {self.output}", f"task {self.task}", *parts]
        else:
            width = max(len(part.path) for part in self.parts)
            lines = [f"published {source} as {self.output} ({in_units(self.total_bytes)})", f"task {self.task}"]
            lines += [
                f"{part.path:<{width}}  {in_units(part.total_bytes):>9}  {part.verdict}" for part in self.parts
            ]
        return "\n  ".join([*lines, *(f"note: {note}" for note in self.notes)])
