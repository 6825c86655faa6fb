"""diff_checkpoints: two checkpoints in any layouts, compared parameter by parameter."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from bertferry.convert.checkpoint import Checkpoint, open_checkpoint, same_bits
from bertferry.convert.heads import possible_heads, with_heads
from bertferry.convert.source_options import SourceOptions
from bertferry.core.results import Result, Schema

MAX_LINES = 20
CHANGES_OUTPUTS = ("num_attention_heads", "activation")
"""What changes a network's outputs without changing a tensor."""


@dataclass(frozen=True)
class ParameterDifference:
    """How a parameter differs: a sentence, and by how much where both sides have values of one shape."""

    parameter: str
    what: str
    max_abs: float | None = None


@dataclass(frozen=True)
class CheckpointDifference(Result):
    """What two checkpoints have in common and what not. Paths are as the caller gave them."""

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
        """Whether both hold the same parameters bit for bit, and mean the same network by them."""
        return not self.parameters and not any(name in self.configuration for name in CHANGES_OUTPUTS)

    def derived(self) -> dict[str, Any]:
        """The verdict."""
        return {"equal": self.equal}

    def render(self) -> str:
        """A line for each difference, largest first, and the verdict."""
        lines = [f"A  {self.a} ({self.a_layout})", f"B  {self.b} ({self.b_layout})"]
        lines += [f"  {name}: A {a}, B {b}" for name, (a, b) in self.configuration.items()]
        lines += [f"  {row.parameter}: {row.what}" for row in self.parameters[:MAX_LINES]]
        if len(self.parameters) > MAX_LINES:
            lines.append(f"  and {len(self.parameters) - MAX_LINES} more, all of them with --json")
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


def compare_checkpoints(one: Checkpoint, other: Checkpoint, a: str = "", b: str = "") -> CheckpointDifference:
    """The same for two that are open; `a` and `b` are what to call them."""
    one, other = with_heads(one, possible_heads(other)), with_heads(other, possible_heads(one))
    names = dict.fromkeys((*one.parameters, *other.parameters))
    found = [difference for name in names if (difference := _difference(one, other, name))]
    found.sort(key=lambda row: -float("inf") if row.max_abs is None else -row.max_abs)
    configuration = {
        field.name: (mine, theirs)
        for field in fields(one.config)
        if (mine := getattr(one.config, field.name)) != (theirs := getattr(other.config, field.name))
    }
    equal = len(names) - len(found)
    return CheckpointDifference(a, b, one.layout.name, other.layout.name, equal, tuple(found), configuration)


def _difference(one: Checkpoint, other: Checkpoint, name: str) -> ParameterDifference | None:
    for side, letter in ((other, "A"), (one, "B")):
        if name not in side.parameters:
            return ParameterDifference(name, f"only in {letter}")
    a, b = one.read(name, axes := one.stored_axes(name)), other.read(name, axes)
    if same_bits(np.ascontiguousarray(a), np.ascontiguousarray(b)):
        return None
    if a.shape != b.shape:
        return ParameterDifference(name, f"shape {list(a.shape)} in A, {list(b.shape)} in B")
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    apart = np.abs(wide_a - wide_b)
    apart[np.isnan(wide_a) & np.isnan(wide_b)] = 0
    apart[np.isnan(apart)] = np.inf
    worst = np.unravel_index(int(np.argmax(apart)), apart.shape)
    types = "" if a.dtype == b.dtype else f"{a.dtype} in A, {b.dtype} in B; "
    what = (
        f"{types}{int((apart > 0).sum())} of {a.size} elements differ, at most by {apart[worst]:.3g} "
        f"(A {wide_a[worst]:.9g}, B {wide_b[worst]:.9g} at {[int(i) for i in worst]})"
    )
    return ParameterDifference(name, what, float(apart[worst]))
