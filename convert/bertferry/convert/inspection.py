"""inspect_checkpoint: what is in a checkpoint, without converting it."""

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from bertferry.convert.checkpoint import Checkpoint, open_checkpoint
from bertferry.convert.configuration import bert_config
from bertferry.convert.heads import possible_heads
from bertferry.convert.match import faults, nearest
from bertferry.convert.report import in_units, itemsize
from bertferry.convert.source_options import SourceOptions
from bertferry.core.results import Result, Schema


@dataclass(frozen=True)
class InspectedTensor:
    """One tensor of the file; `role` is its parameter, or why it is not one."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: str


@dataclass(frozen=True)
class Inspection(Result):
    """A checkpoint's layout, heads, configuration and tensors, and what is wrong with them under that layout."""

    SCHEMA = Schema.INSPECTION

    path: str
    layout: str
    heads: tuple[str, ...]
    configuration: dict[str, Any]
    parameters: int
    total_bytes: int
    vocabulary: bool
    faults: tuple[str, ...]
    tensors: tuple[InspectedTensor, ...]
    notes: tuple[str, ...] = ()

    def render(self) -> str:
        """A readable table: totals, configuration, one row per tensor."""
        head = [
            f"{self.path}",
            f"  layout      {self.layout}",
            f"  heads       {', '.join(self.heads) or 'none, encoder only'}",
            f"  parameters  {self.parameters:,} ({in_units(self.total_bytes)})",
            f"  vocabulary  {'vocab.txt' if self.vocabulary else 'none'}",
            "  config      " + ", ".join(f"{key} {value}" for key, value in self.configuration.items()),
            *(f"  note        {note}" for note in self.notes),
            *(f"  WRONG       {fault}" for fault in self.faults),
            "",
        ]
        shapes = [" × ".join(map(str, tensor.shape)) or "scalar" for tensor in self.tensors]
        widths = [
            max((len(text) for text in column), default=0)
            for column in ([tensor.name for tensor in self.tensors], shapes)
        ]
        rows = [
            f"  {tensor.name:<{widths[0]}}  {shape:<{widths[1]}}  {tensor.dtype:<8}  {tensor.role}"
            for tensor, shape in zip(self.tensors, shapes, strict=True)
        ]
        return "\n".join(head + rows)


def inspect_checkpoint(path: str | Path, source: SourceOptions = SourceOptions()) -> Inspection:
    """Opens a checkpoint and accounts for every tensor in it; reads no values. Arguments as for `open_checkpoint`.

    Raises:
      BertferryError: as `open_checkpoint`.
    """
    checkpoint = open_checkpoint(path, source, strict=False)
    roles = _roles(checkpoint)
    named = {checkpoint.stored_name(parameter) for parameter in checkpoint.parameters}
    tensors = tuple(
        InspectedTensor(key, info.shape, info.dtype, roles[key])
        for key, info in sorted(checkpoint.reader.tensors.items(), key=lambda item: natural_sort_key(item[0]))
    )
    parameters = [tensor for tensor in tensors if tensor.name in named]
    return Inspection(
        path=str(path),
        layout=checkpoint.layout.name,
        heads=_heads(checkpoint),
        configuration=bert_config(checkpoint.config, checkpoint.heads, checkpoint.classifier),
        parameters=sum(prod(tensor.shape) for tensor in parameters),
        total_bytes=sum(prod(tensor.shape) * itemsize(tensor.dtype) for tensor in parameters),
        vocabulary=checkpoint.location.vocabulary is not None,
        faults=tuple(faults(checkpoint.match)),
        tensors=tensors,
        notes=checkpoint.notes,
    )


def _heads(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The heads; alternatives, of which the file has one, are joined by "or"."""
    return checkpoint.heads if checkpoint.is_decided else (" or ".join(possible_heads(checkpoint)),)


def _roles(checkpoint: Checkpoint) -> dict[str, str]:
    """What each tensor of the file is."""
    match = checkpoint.match
    roles = {checkpoint.stored_name(parameter): parameter for parameter in checkpoint.parameters}
    roles |= {key: f"copy of {name}" for key, name in match.copies.items()}
    roles |= {key: f"({reason})" for key, reason in match.skipped.items()}
    for what, keys in (("UNEXPECTED", match.unexpected), ("outside the encoder", match.outside)):
        near = nearest(match, keys)
        roles |= {key: f"({what}; nearest known: {near[key]})" if key in near else f"({what})" for key in keys}
    return roles


def natural_sort_key(name: str) -> list[tuple[int, str]]:
    """A sort key that puts layer 2 before layer 10."""
    parts = name.replace("-", "/").replace("_", "/").replace(".", "/").split("/")
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
