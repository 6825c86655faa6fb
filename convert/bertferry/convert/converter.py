"""convert_checkpoint: from any layout to another, nothing lost, nothing changed."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np

from bertferry.convert import axes
from bertferry.convert.atomic import check_destination, clear_leftovers, new_directory
from bertferry.convert.checkpoint import Checkpoint, open_checkpoint, same_bits
from bertferry.convert.configuration import bert_config
from bertferry.convert.layout import Layout, Row
from bertferry.convert.layouts import LAYOUTS, TARGETS
from bertferry.convert.quiet import import_tensorflow
from bertferry.convert.report import ConversionReport, TensorRow, itemsize, versions
from bertferry.convert.vocabulary import read_vocabulary
from bertferry.modeling.errors import DataError, UsageError

Task = Literal["encoder", "pretrainer", "classifier", "span", "all"]
TASKS: tuple[Task, ...] = ("encoder", "pretrainer", "classifier", "span", "all")
TASK_HEADS = {"encoder": (), "pretrainer": ("mlm", "nsp"), "classifier": ("classifier",), "span": ("span",)}
TASK_OF_HEAD = {"mlm": "pretrainer", "nsp": "pretrainer", "classifier": "classifier", "span": "span"}
CHECKPOINT_NAME = "bert_model.ckpt"


def convert_checkpoint(
    input: str | Path,
    output: str | Path,
    *,
    to: str = "keras_bert",
    source_layout: str = "auto",
    config: str | Path | None = None,
    task: Task | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> ConversionReport:
    """Converts the checkpoint at `input` into the directory `output`, re-reads it and compares every bit.

    Args:
      input: a prefix, a directory or a `.safetensors` file, in any layout.
      output: the directory to create: `bert_model.ckpt.*`, `bert_config.json`, `vocab.txt` where the source
        has one, `conversion_report.json`.
      to: the target layout, one of `TARGETS`.
      source_layout: a layout name, or `auto`.
      config: the configuration file, by default the one beside the input.
      task: which heads to keep; by default what the target layout holds as released.
      overwrite: replace an existing output.
      dry_run: check everything and read nothing but names and shapes; write nothing.

    Raises:
      BertferryError: UsageError or DataError, as its `exit_code` says; nothing is left at `output` then.
    """
    target = _target(to)
    clear_leftovers(Path(output))
    check_destination(Path(output), overwrite=overwrite)
    checkpoint = open_checkpoint(input, layout=source_layout, config=config)
    rows = plan(checkpoint, target, task)
    if checkpoint.location.vocabulary:
        read_vocabulary(checkpoint.location.vocabulary, checkpoint.config.vocab_size)
    if dry_run:
        return _report(checkpoint, input, output, target, rows, {}, dry_run=True)
    for key in checkpoint.match.skipped:
        checkpoint.reader.read(key)  # left out of the target, but damage in it speaks against the whole file
    with new_directory(output, overwrite=overwrite) as staging:
        digests = write_checkpoint(staging, checkpoint, target, rows)
        (staging / "bert_config.json").write_text(json.dumps(bert_config(checkpoint.config), indent=2) + "\n")
        if checkpoint.location.vocabulary:
            shutil.copyfile(checkpoint.location.vocabulary, staging / "vocab.txt")
        compare_bits(checkpoint, staging, target, rows)
        report = _report(checkpoint, input, output, target, rows, digests)
        (staging / "conversion_report.json").write_text(report.to_json())
    return report


def plan(checkpoint: Checkpoint, target: Layout, task: Task | None) -> tuple[Row, ...]:
    """The rows of the target file, each of which the source has.

    Raises:
      UsageError: the target has no form for these heads.
      DataError: the task needs a parameter that the source lacks.
    """
    wanted = _wanted_heads(checkpoint, target, task)
    form = target.form_with(wanted)
    if form is None:
        raise UsageError(
            f"{target.name} has no file for the heads {', '.join(wanted)}: choose one task with --task"
        )
    rows = tuple(target.bind(form, checkpoint.config.num_layers))
    missing = [row.parameter for row in rows if row.parameter not in checkpoint.parameters]
    if missing:
        raise DataError(
            f"{checkpoint.location.path}: the source has no {', '.join(missing)}, "
            f"which {target.name} needs for {'these heads' if wanted else 'an encoder'}"
        )
    return rows


def _wanted_heads(checkpoint: Checkpoint, target: Layout, task: Task | None) -> tuple[str, ...]:
    task = task or target.default_task
    if task not in TASKS:
        raise UsageError(f"unknown task {task!r}: known are {', '.join(TASKS)}")
    return checkpoint.heads if task == "all" else TASK_HEADS[task]


def _target(name: str) -> Layout:
    if name not in TARGETS:
        raise UsageError(f"unknown target layout {name!r}: known are {', '.join(TARGETS)}")
    return LAYOUTS[name]


def write_checkpoint(
    directory: Path, checkpoint: Checkpoint, target: Layout, rows: tuple[Row, ...]
) -> dict[str, str]:
    """Writes the tensors under their target names; returns the SHA-256 of each, by parameter."""
    import_tensorflow()
    from bertferry.convert.writers.tensorflow import write_names, write_objects

    digests: dict[str, str] = {}

    def tensors() -> Iterator[tuple[str, np.ndarray]]:
        for row in rows:
            value = np.ascontiguousarray(checkpoint.read(row.parameter, row.axes))
            digests[row.parameter] = hashlib.sha256(value.tobytes()).hexdigest()
            yield row.stored, value

    prefix = directory / CHECKPOINT_NAME
    if target.container == "objects":
        write_objects(prefix, rows, tensors())
    else:
        write_names(prefix, tensors())
    return digests


def compare_bits(checkpoint: Checkpoint, directory: Path, target: Layout, rows: tuple[Row, ...]) -> None:
    """Opens what was written as any reader would, and compares every tensor with its source bit for bit.

    Raises:
      DataError: the first tensor that differs.
    """
    written = open_checkpoint(directory, layout=target.name)
    for row in rows:
        if not same_bits(written.read(row.parameter, row.axes), checkpoint.read(row.parameter, row.axes)):
            raise DataError(f"{directory}: {row.stored} was read back with other values than were written")


def _report(
    checkpoint: Checkpoint,
    source: str | Path,
    output: str | Path,
    target: Layout,
    rows: tuple[Row, ...],
    digests: dict[str, str],
    *,
    dry_run: bool = False,
) -> ConversionReport:
    tensors = tuple(
        TensorRow(
            parameter=row.parameter,
            source=checkpoint.stored_name(row.parameter),
            target=row.stored,
            source_shape=(info := checkpoint.stored_info(row.parameter)).shape,
            target_shape=axes.shape(row.axes, checkpoint.sizes),
            dtype=info.dtype,
            bytes="identical bytes"
            if axes.same_bytes(checkpoint.stored_axes(row.parameter), row.axes)
            else "transposed",
            sha256=digests.get(row.parameter, ""),
        )
        for row in rows
    )
    count = [prod(row.target_shape) for row in tensors]
    return ConversionReport(
        source=str(source),
        source_layout=checkpoint.layout.name,
        target=str(output),
        target_layout=target.name,
        heads=_heads_of(rows),
        configuration=bert_config(checkpoint.config),
        vocabulary=checkpoint.location.vocabulary is not None,
        versions=versions(),
        tensors=tensors,
        skipped=_skipped(checkpoint, rows),
        parameters=sum(count),
        total_bytes=sum(n * itemsize(row.dtype) for n, row in zip(count, tensors, strict=True)),
        dry_run=dry_run,
    )


def _skipped(checkpoint: Checkpoint, rows: tuple[Row, ...]) -> dict[str, str]:
    """Every tensor of the source that is not in the target, with the reason."""
    kept = {row.parameter for row in rows}
    heads = {
        checkpoint.stored_name(parameter): f"head {head} not in the target, kept with --task {TASK_OF_HEAD[head]}"
        for parameter in checkpoint.parameters
        if parameter not in kept
        for head in [parameter.split("/")[0]]
    }
    copies = {key: f"copy of {name}" for key, name in checkpoint.match.copies.items()}
    return {**heads, **copies, **checkpoint.match.skipped}


def _heads_of(rows: tuple[Row, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(head for row in rows if (head := row.parameter.split("/")[0]) in TASK_OF_HEAD))
