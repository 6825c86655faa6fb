"""Accounts for every tensor of a file against every known layout, and picks the layout that fits.

Detection and strictness are one thing: the layout and form of file that leave the fewest tensors missing,
unexpected or misshapen is the one that was meant, and a sound file leaves none.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from bertferry.convert import axes
from bertferry.convert.layout import Form, Layout, Row
from bertferry.convert.readers import Reader, TensorInfo
from bertferry.modeling.config import EncoderConfig
from bertferry.modeling.errors import DataError
from bertferry.modeling.parameters import axis_sizes

FLOATING = ("bfloat16", "float16", "float32", "float64")
NAMED_IN_ERRORS = 3


@dataclass
class Match:
    """How a file's tensors relate to one form of one layout."""

    layout: Layout
    form: Form
    sizes: dict[str, int]
    found: dict[str, tuple[str, Row]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    misshapen: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    copies: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    known: list[str] = field(default_factory=list)

    @property
    def faults(self) -> tuple[int, int, int]:
        """Fewer is better; a shape that differs counts less than a tensor that has no counterpart."""
        apart = len(self.missing) + len(self.unexpected)
        return apart, len(self.misshapen), len(self.unexpected)


def match(reader: Reader, layout: Layout, form: Form, config: EncoderConfig) -> Match:
    """Looks up every row of the form in the file, and every tensor of the file among the rows."""
    result = Match(layout, form, dict(axis_sizes(config)))
    for row in layout.bind(form, config.num_layers):
        result.known.append(row.stored)
        key = reader.find(row.stored)
        if key is None:
            result.missing.append(row.stored)
            continue
        result.found[row.parameter] = key, row
        if fault := shape_fault(reader.tensors[key], row, result.sizes):
            result.misshapen.append(f"{key} {fault}")
    used = {key for key, _ in result.found.values()}
    for key in reader.tensors:
        if key in used:
            continue
        if reason := layout.reason_to_skip(key):
            result.skipped[key] = reason
        elif layout.copies.get(key) in result.found:
            result.copies[key] = layout.copies[key]
        else:
            result.unexpected.append(key)
    return result


def shape_fault(info: TensorInfo, row: Row, sizes: dict[str, int]) -> str:
    """What is wrong with a tensor's shape or type, or nothing. Fills in sizes that only the file knows."""
    if info.dtype not in FLOATING:
        return f"is {info.dtype}, a floating-point type is expected"
    stored = axes.groups(row.axes)
    if len(stored) == len(info.shape):
        for group, size in zip(stored, info.shape, strict=True):
            if len(group) == 1:
                sizes.setdefault(group[0], size)
    if all(name in sizes for name in axes.names(row.axes)):
        expected = axes.shape(row.axes, sizes)
        if expected == info.shape:
            return ""
        return f"has shape {list(info.shape)}, expected {list(expected)} ({row.axes})"
    return f"has shape {list(info.shape)}, expected {len(stored)} dimensions ({row.axes})"


def best_match(reader: Reader, layouts: Iterable[Layout], config: EncoderConfig, path: Path) -> Match:
    """The layout and form that account for every tensor of the file.

    Raises:
      DataError: none does; the message names the nearest layout and what is wrong under it.
    """
    candidates = [
        match(reader, layout, form, config)
        for layout in layouts
        if layout.container == reader.container
        for form in layout.forms
    ]
    if not candidates:
        raise DataError(f"{path}: tensors by {reader.container}, which no layout asked for has")
    best = min(candidates, key=lambda candidate: candidate.faults)
    if not any(best.faults):
        return best
    if len(best.found) < len(best.missing):
        raise DataError(
            f"{path}: no known layout: the nearest, {best.layout.name}, has {len(best.found)} "
            f"of its {len(best.known)} tensors here; this file has {sample(sorted(reader.tensors))}"
        )
    raise DataError(f"{path}: read as {best.layout.name}: {describe_faults(best)}")


def describe_faults(found: Match) -> str:
    """Every kind of fault of a match, in one line."""
    parts = []
    if found.missing:
        parts.append(f"missing {sample(found.missing)}")
    if found.unexpected:
        free = [name for name in found.known if name in found.missing] or found.known
        parts.append(f"unexpected {sample([with_nearest(name, free) for name in found.unexpected])}")
    if found.misshapen:
        parts.append(sample(found.misshapen))
        if any("heads" in fault for fault in found.misshapen):
            parts.append("check num_attention_heads in the configuration")
    return "; ".join(parts)


def with_nearest(name: str, known: list[str]) -> str:
    """The name, with the known one that it resembles most where there is one."""
    near = get_close_matches(name, known, n=1, cutoff=0.8)
    return f"{name} (nearest known: {near[0]})" if near else name


def sample(items: list[str]) -> str:
    """The first few items, and how many more there are."""
    shown = ", ".join(items[:NAMED_IN_ERRORS])
    return shown if len(items) <= NAMED_IN_ERRORS else f"{shown} and {len(items) - NAMED_IN_ERRORS} more"
