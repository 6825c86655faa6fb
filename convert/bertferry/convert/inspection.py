"""inspect_checkpoint: what is in a checkpoint, without converting it."""

import json
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

from bertferry.convert.checkpoint import open_checkpoint
from bertferry.convert.configuration import bert_config
from bertferry.convert.match import with_nearest
from bertferry.convert.report import in_units, itemsize


@dataclass(frozen=True)
class InspectedTensor:
    """One tensor of the file; `role` is its parameter, or why it is none."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: str


@dataclass(frozen=True)
class Inspection:
    """A checkpoint's layout, heads, configuration and tensors."""

    path: str
    layout: str
    heads: tuple[str, ...]
    configuration: dict[str, Any]
    parameters: int
    total_bytes: int
    vocabulary: bool
    tensors: tuple[InspectedTensor, ...]

    def to_json(self) -> str:
        """The inspection as JSON text, ending in a newline."""
        return json.dumps({"schema": "bertferry.inspection/1", **asdict(self)}, indent=1) + "\n"

    def render(self) -> str:
        """A readable table: totals, configuration, one row a tensor."""
        head = [
            f"{self.path}",
            f"  layout      {self.layout}",
            f"  heads       {', '.join(self.heads) or 'none, encoder only'}",
            f"  parameters  {self.parameters:,} ({in_units(self.total_bytes)})",
            f"  vocabulary  {'vocab.txt' if self.vocabulary else 'none beside it'}",
            "  config      " + ", ".join(f"{key} {value}" for key, value in self.configuration.items()),
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


def inspect_checkpoint(
    path: str | Path,
    *,
    layout: str = "auto",
    config: str | Path | None = None,
    prefix: str | None = None,
    num_attention_heads: int | None = None,
    activation: str | None = None,
) -> Inspection:
    """Opens a checkpoint and accounts for every tensor in it; reads no values. Arguments as `open_checkpoint`.

    Raises:
      BertferryError: as `open_checkpoint`.
    """
    checkpoint = open_checkpoint(
        path,
        layout=layout,
        config=config,
        prefix=prefix,
        num_attention_heads=num_attention_heads,
        activation=activation,
    )
    roles = {checkpoint.stored_name(parameter): parameter for parameter in checkpoint.parameters}
    copies = {key: f"copy of {name}" for key, name in checkpoint.match.copies.items()}
    outside = {
        key: f"(outside the encoder: {note})" if note else "(outside the encoder)"
        for key, named in zip(
            checkpoint.match.outside, with_nearest(checkpoint.match, checkpoint.match.outside), strict=True
        )
        for note in [named.removeprefix(key).strip(" ()")]
    }
    skipped = {key: f"({reason})" for key, reason in checkpoint.match.skipped.items()}
    tensors = tuple(
        InspectedTensor(key, info.shape, info.dtype, (roles | copies | skipped | outside)[key])
        for key, info in sorted(checkpoint.reader.tensors.items(), key=lambda item: natural(item[0]))
    )
    parameters = [tensor for tensor in tensors if tensor.name in roles]
    return Inspection(
        path=str(path),
        layout=checkpoint.layout.name,
        heads=checkpoint.heads,
        configuration=bert_config(checkpoint.config),
        parameters=sum(prod(tensor.shape) for tensor in parameters),
        total_bytes=sum(prod(tensor.shape) * itemsize(tensor.dtype) for tensor in parameters),
        vocabulary=checkpoint.location.vocabulary is not None,
        tensors=tensors,
    )


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key that puts layer 2 before layer 10."""
    parts = name.replace("-", "/").replace("_", "/").replace(".", "/").split("/")
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
