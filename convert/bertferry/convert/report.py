"""What a conversion did, tensor by tensor."""

import json
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np


def in_units(count: int) -> str:
    """A number of bytes with its decimal unit: 90.9 MB."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"


@dataclass(frozen=True)
class TensorRow:
    """One tensor's way: names and shapes on both sides, its type, what happened to its bytes, their SHA-256
    in the target."""

    parameter: str
    source: str
    target: str
    source_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    dtype: str
    bytes: str
    sha256: str


@dataclass(frozen=True)
class ConversionReport:
    """Every tensor of the source: converted, or skipped with the reason. Paths are as the caller gave them."""

    source: str
    source_layout: str
    target: str
    target_layout: str
    heads: tuple[str, ...]
    configuration: dict[str, Any]
    vocabulary: bool
    versions: dict[str, str]
    tensors: tuple[TensorRow, ...]
    skipped: dict[str, str]
    parameters: int
    total_bytes: int
    dry_run: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `conversion_report.json` holds them."""
        return {"schema": "bertferry.conversion/1", **asdict(self)}

    def to_json(self) -> str:
        """The report as JSON text, ending in a newline."""
        return json.dumps(self.to_dict(), indent=1) + "\n"

    def summary(self) -> str:
        """The few lines that a terminal shows."""
        moved = sum(row.bytes == "transposed" for row in self.tensors)
        verb = "would convert" if self.dry_run else "converted"
        proof = "nothing written" if self.dry_run else "re-read and equal to the source bit for bit"
        lines = [
            f"{verb} {self.source} ({self.source_layout}) to {self.target} ({self.target_layout})",
            f"  {len(self.tensors)} tensors, {self.parameters:,} parameters, {in_units(self.total_bytes)}: "
            f"{len(self.tensors) - moved} with identical bytes, {moved} transposed; {proof}",
            f"  heads: {', '.join(self.heads) or 'none, encoder only'}; activation "
            f"{self.configuration['activation']}; vocabulary {'copied' if self.vocabulary else 'none'}",
        ]
        reasons = sorted(set(self.skipped.values()))
        for reason in reasons:
            names = [name for name, why in self.skipped.items() if why == reason]
            lines.append(f"  skipped {len(names)}: {reason} ({names[0]}{', …' if len(names) > 1 else ''})")
        return "\n".join(lines)


def versions() -> dict[str, str]:
    """The versions that a report states: what wrote it."""
    names = ("bertferry", "tensorflow", "numpy", "safetensors")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def itemsize(dtype: str) -> int:
    """Bytes an element of a type by its NumPy name, bfloat16 included."""
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize
