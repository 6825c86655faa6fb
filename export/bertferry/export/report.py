"""What an export wrote and what was proven about it."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from bertferry.convert.report import in_units


@dataclass(frozen=True)
class ExportReport:
    """An export: its source, its output (`total_bytes` 0 when nothing was written) and its parity verdict."""

    source: str
    source_layout: str
    output: str
    configuration: dict[str, Any]
    vocabulary: bool
    do_lower_case: bool | None
    total_bytes: int
    parity: dict[str, Any] | None
    verdict: str

    def to_json(self) -> str:
        """The report as JSON text, ending in a newline."""
        return json.dumps({"schema": "bertferry.export/1", **asdict(self)}, indent=1) + "\n"

    def summary(self) -> str:
        """The few lines that a terminal shows."""
        case = "lower-cased" if self.do_lower_case else "cased"
        text = (
            f"vocabulary with it, texts {case}"
            if self.vocabulary
            else "no vocabulary: exported without its assets"
        )
        if not self.total_bytes:
            return f"would export {self.source} ({self.source_layout}) to {self.output}\n  {text}"
        return (
            f"exported {self.source} ({self.source_layout}) to {self.output} ({in_units(self.total_bytes)})\n"
            f"  {text}; activation {self.configuration['activation']}\n"
            f"  parity with the source: {self.verdict}"
        )
