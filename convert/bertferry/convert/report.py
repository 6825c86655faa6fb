"""The report of a conversion, tensor by tensor."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from bertferry.convert.configuration import bert_config
from bertferry.convert.heads import flags_that_keep, possible_heads
from bertferry.convert.plan import Plan, PlannedTensor
from bertferry.convert.sentence_modules import are_carried
from bertferry.convert.tokenizer.carried import embedding_notes, tokenizer_notes
from bertferry.core import axes
from bertferry.core.results import Result, Schema
from bertferry.core.tasks import HEADS, has_classes
from bertferry.core.versions import installed_versions

INITIALIZED = "initialised"
"""Machines have read it in this spelling since the first reports."""
SHOWN = {INITIALIZED: "initialized"}


def in_units(count: int) -> str:
    """A number of bytes with its decimal unit: 90.9 MB."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"


@dataclass(frozen=True)
class TensorRow:
    """The conversion of one tensor: names and shapes on both sides, its type in the target, what happened to its
    bytes, and the fingerprint of those that were read: their CRC-32C, whatever the format."""

    parameter: str
    source: str
    target: str
    source_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    dtype: str
    bytes: str
    fingerprint: str


@dataclass(frozen=True)
class ConversionReport(Result):
    """Every tensor of the source: converted, or skipped with a reason. Paths are as the caller gave them.

    `notes` say what was chosen among the files of the source without being named.
    """

    SCHEMA = Schema.CONVERSION

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
    notes: tuple[str, ...] = ()

    def render(self) -> str:
        """The summary that a terminal shows."""
        fates = Counter(row.bytes for row in self.tensors)
        fates.setdefault("identical bytes", 0)
        verb = "would convert" if self.dry_run else "converted"
        lines = [
            f"{verb} {self.source} ({self.source_layout}) to {self.target} ({self.target_layout})",
            f"  {len(self.tensors)} tensors, {self.parameters:,} parameters, {in_units(self.total_bytes)}: "
            f"{fates.pop('identical bytes')} with identical bytes"
            f"{''.join(f', {count} {SHOWN.get(fate, fate)}' for fate, count in fates.items())}; {self._proof()}",
            f"  heads: {', '.join(self.heads) or 'none, encoder only'}; activation "
            f"{self.configuration['activation']}; vocabulary {'copied' if self.vocabulary else 'none'}",
        ]
        lines += [f"  note: {note}" for note in self.notes]
        reasons = sorted(set(self.skipped.values()))
        for reason in reasons:
            names = [name for name, why in self.skipped.items() if why == reason]
            lines.append(f"  skipped {len(names)}: {reason} ({names[0]}{', …' if len(names) > 1 else ''})")
        return "\n".join(lines)

    def _proof(self) -> str:
        """What was verified about the written tensors; an initialized one has no source to be equal to."""
        if self.dry_run:
            return "nothing written"
        converted = [row for row in self.tensors if row.source]
        cast = sorted({row.dtype for row in converted if "cast to" in row.bytes})
        source = f"the source cast to {' and '.join(cast)}" if cast else "the source"
        initialized = len(self.tensors) - len(converted)
        if initialized:
            return f"re-read, {len(converted)} equal to {source} bit for bit, {initialized} initialized"
        return f"re-read and equal to {source} bit for bit"


def conversion_report(
    work: Plan, source: str | Path, output: str | Path, *, dry_run: bool = False
) -> ConversionReport:
    """What a conversion did, or with `dry_run` would do; the paths are as the caller gave them."""
    checkpoint, vocabulary = work.checkpoint, work.checkpoint.vocabulary
    carried = checkpoint.location.left_out if are_carried(checkpoint.location) else ()
    tensors = tuple(_tensor_row(work, tensor, dry_run) for tensor in work.tensors)
    counts = [prod(row.target_shape) for row in tensors]
    return ConversionReport(
        source=str(source),
        source_layout=checkpoint.layout.name,
        target=str(output),
        target_layout=work.target.name,
        heads=work.form.heads if checkpoint.classifier.decided else (" or ".join(possible_heads(checkpoint)),),
        configuration=bert_config(checkpoint.config, work.form.heads, checkpoint.classifier),
        vocabulary=vocabulary is not None,
        versions=installed_versions(("bertferry", "numpy", "safetensors")),
        tensors=tensors,
        skipped=_skip_reasons(work),
        parameters=sum(counts),
        total_bytes=sum(n * itemsize(row.dtype) for n, row in zip(counts, tensors, strict=True)),
        dry_run=dry_run,
        notes=tuple(
            dict.fromkeys(
                (
                    *(note for note in checkpoint.notes if note not in carried),
                    *work.notes,
                    *(work.target.notes[head] for head in work.form.heads if head in work.target.notes),
                    *(vocabulary.notes if vocabulary else ()),
                    *tokenizer_notes(checkpoint, work.target),
                    *embedding_notes(checkpoint),
                    *_lost_labels(work),
                )
            )
        ),
    )


def _lost_labels(work: Plan) -> Iterator[str]:
    """Names of classes for which the target has no place."""
    if work.target.naming != "keras" or not any(map(has_classes, work.form.heads)):
        return
    names = work.checkpoint.classifier.labels.get("id2label", {})
    if any(name != f"LABEL_{number}" for number, name in names.items()):
        yield "a preset of KerasHub has no names of classes: --labels gives them on the way back"


def _tensor_row(work: Plan, tensor: PlannedTensor, dry_run: bool) -> TensorRow:
    if tensor.source is None:
        return TensorRow(tensor.parameter, "", tensor.stored, (), tensor.shape, tensor.dtype, INITIALIZED, "")
    moved = not axes.same_bytes(work.checkpoint.stored_axes(tensor.parameter), tensor.row.axes)
    fates = ["transposed"] * moved + [f"cast to {tensor.dtype}"] * (not tensor.keeps_type)
    return TensorRow(
        parameter=tensor.parameter,
        source=tensor.source,
        target=tensor.stored,
        source_shape=work.checkpoint.stored_info(tensor.parameter).shape,
        target_shape=tensor.shape,
        dtype=tensor.dtype,
        bytes=" and ".join(fates) or "identical bytes",
        fingerprint="" if dry_run else work.checkpoint.reader.fingerprint(tensor.source),
    )


def _skip_reasons(work: Plan) -> dict[str, str]:
    """Every tensor of the source that is not in the target, with the reason."""
    checkpoint, kept = work.checkpoint, {tensor.parameter for tensor in work.tensors}
    unused = {
        checkpoint.stored_name(parameter): _reason_to_skip(work, parameter.split("/")[0])
        for parameter in checkpoint.parameters
        if parameter not in kept
    }
    copies = {key: f"copy of {name}" for key, name in checkpoint.match.copies.items()}
    outside = dict.fromkeys(checkpoint.match.outside, "outside the encoder")
    return {**unused, **copies, **checkpoint.match.skipped, **outside}


def _reason_to_skip(work: Plan, part: str) -> str:
    if part not in HEADS:
        return f"{part} not in the target"
    possible = (part,) if work.checkpoint.is_decided else possible_heads(work.checkpoint)
    flags = flags_that_keep(work.checkpoint, possible, work.target)
    return f"head {' or '.join(possible)} not in the target, kept with {flags}"


def itemsize(dtype: str) -> int:
    """Bytes per element of a type by its NumPy name; 0 for a type that is not NumPy's."""
    try:
        known = np.dtype(dtype)
    except TypeError:
        return 2 if dtype == "bfloat16" else 0
    return known.itemsize if known.kind in "biufc" or dtype == "bfloat16" else 0
