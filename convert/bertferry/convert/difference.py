"""diff_checkpoints: two checkpoints in any layouts, compared parameter by parameter."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from bertferry.convert.checkpoint import Checkpoint, open_checkpoint
from bertferry.convert.heads import possible_heads, with_heads
from bertferry.convert.readers.reader import same_bits
from bertferry.convert.source_options import SourceOptions
from bertferry.core.results import Result, Schema

MAX_LINES = 20
CHANGES_OUTPUTS = ("num_attention_heads", "activation", "layer_norm_eps")
"""Settings that change a network's outputs without changing a tensor."""


@dataclass(frozen=True)
class ParameterDifference:
    """How a parameter differs: a description, and by how much if the shapes are the same."""

    parameter: str
    what: str
    max_abs: float | None = None


@dataclass(frozen=True)
class CheckpointDifference(Result):
    """How two checkpoints differ. Paths are as the caller gave them."""

    SCHEMA = Schema.DIFFERENCE

    a: str
    b: str
    a_layout: str
    b_layout: str
    equal_parameters: int
    parameters: tuple[ParameterDifference, ...]
    configuration: dict[str, tuple[Any, Any]]

    @property
    def equal(self) -> bool:
        """Whether both contain the same parameters bit for bit and describe the same network."""
        return not self.parameters and not any(name in self.configuration for name in CHANGES_OUTPUTS)

    def derived(self) -> dict[str, Any]:
        """The verdict."""
        return {"equal": self.equal}

    def render(self) -> str:
        """One line per difference, largest first, and the verdict."""
        lines = [f"A  {self.a} ({self.a_layout})", f"B  {self.b} ({self.b_layout})"]
        lines += [f"  {name}: A {a}, B {b}" for name, (a, b) in self.configuration.items()]
        lines += [f"  {row.parameter}: {row.what}" for row in self.parameters[:MAX_LINES]]
        if len(self.parameters) > MAX_LINES:
            lines.append(f"  and {len(self.parameters) - MAX_LINES} more (--json lists all)")
        count = f"{self.equal_parameters} parameters equal bit for bit"
        if self.equal:
            return "\n".join([*lines, f"EQUAL: {count}"])
        return "\n".join([*lines, f"DIFFERENT: {len(self.parameters)} parameters differ, {count}"])


def diff_checkpoints(
    a: str | Path, b: str | Path, source: SourceOptions = SourceOptions()
) -> CheckpointDifference:
    """Compares two checkpoints, each in any layout, one parameter in memory at a time.

    Raises:
      BertferryError: as `open_checkpoint`.
    """
    return compare_checkpoints(open_checkpoint(a, source), open_checkpoint(b, source), str(a), str(b))


def compare_checkpoints(a: Checkpoint, b: Checkpoint, a_name: str = "", b_name: str = "") -> CheckpointDifference:
    """The same for two open checkpoints; the names are those to show."""
    a, b = with_heads(a, possible_heads(b)), with_heads(b, possible_heads(a))
    names = dict.fromkeys((*a.parameters, *b.parameters))
    rows = [row for name in names if (row := _difference(a, b, name))]
    rows.sort(key=lambda row: -float("inf") if row.max_abs is None else -row.max_abs)
    configuration = {
        field.name: (a_value, b_value)
        for field in fields(a.config)
        if (a_value := getattr(a.config, field.name)) != (b_value := getattr(b.config, field.name))
    }
    equal = len(names) - len(rows)
    return CheckpointDifference(a_name, b_name, a.layout.name, b.layout.name, equal, tuple(rows), configuration)


def _difference(a_checkpoint: Checkpoint, b_checkpoint: Checkpoint, name: str) -> ParameterDifference | None:
    for lacking, other in ((b_checkpoint, "A"), (a_checkpoint, "B")):
        if name not in lacking.parameters:
            return ParameterDifference(name, f"only in {other}")
    axes = a_checkpoint.stored_axes(name)
    a, b = a_checkpoint.read(name, axes), b_checkpoint.read(name, axes)
    if same_bits(np.ascontiguousarray(a), np.ascontiguousarray(b)):
        return None
    if a.shape != b.shape:
        return ParameterDifference(name, f"shape {list(a.shape)} in A, {list(b.shape)} in B")
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    distances = np.abs(wide_a - wide_b)
    distances[(wide_a == wide_b) | (np.isnan(wide_a) & np.isnan(wide_b))] = 0
    distances[np.isnan(distances)] = np.inf
    worst = np.unravel_index(int(np.argmax(distances)), distances.shape)
    types = "" if a.dtype == b.dtype else f"{a.dtype} in A, {b.dtype} in B; "
    what = (
        f"{types}{int((distances > 0).sum())} of {a.size} elements differ, by at most {distances[worst]:.3g} "
        f"(A {wide_a[worst]:.9g}, B {wide_b[worst]:.9g} at {[int(i) for i in worst]})"
    )
    return ParameterDifference(name, what, float(distances[worst]))
