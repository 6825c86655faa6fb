"""export_hub_module: from a checkpoint in any layout to a Hub module, proven equal to it."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bertferry.convert import Checkpoint, open_checkpoint
from bertferry.convert.atomic import check_destination, clear_leftovers, new_directory
from bertferry.convert.configuration import bert_config
from bertferry.convert.quiet import held_back_stderr, import_tensorflow
from bertferry.convert.report import versions
from bertferry.export.onnx.exporter import check_installed, check_parity
from bertferry.export.onnx.sources import CheckpointSource, Choices
from bertferry.export.report import ExportReport
from bertferry.export.vocabulary import TextAssets, text_assets
from bertferry.modeling.errors import DataError, UsageError
from bertferry.modeling.parameters import parameter_names
from bertferry.verify import Report
from bertferry.verify.artefact import checkpoint_artefact, saved_model_artefact
from bertferry.verify.verifier import compare_artefacts

TASKS = ("encoder",)
MANIFEST = "MANIFEST.json"
ONNX_FILES = {"fp32": "model.onnx", "fp16": "model_fp16.onnx", "int8": "model_int8.onnx"}


def export_hub_module(
    checkpoint: str | Path,
    output: str | Path,
    *,
    task: str = "encoder",
    config: str | Path | None = None,
    source_layout: str = "auto",
    vocab: str | Path | None = None,
    do_lower_case: bool | None = None,
    overwrite: bool = False,
    onnx: Sequence[str] = (),
    verify: bool = True,
    dry_run: bool = False,
) -> ExportReport:
    """Exports the checkpoint as a Hub module directory, and compares the two on every probe.

    Args:
      checkpoint: a prefix, a directory or a `.safetensors` file, in any layout.
      output: the directory to create.
      task: what the module computes, one of `TASKS`.
      config, source_layout: as for `open_checkpoint`.
      vocab: the vocabulary, by default `vocab.txt` beside the checkpoint.
      do_lower_case: whether texts are lower-cased, by default as the tokenizer configuration beside the
        checkpoint says.
      overwrite: replace an existing output.
      onnx: precisions to export as ONNX too, into `onnx/` of the directory.
      verify: run the parity check before the output appears.
      dry_run: check everything, write nothing.

    Raises:
      BertferryError: as its `exit_code` says; nothing is left at `output` then.
    """
    target = Path(output)
    if task not in TASKS:
        raise UsageError(f"unknown task {task!r}: known are {', '.join(TASKS)}")
    if unknown := [precision for precision in onnx if precision not in ONNX_FILES]:
        raise UsageError(f"unknown ONNX precision {unknown[0]!r}: known are {', '.join(ONNX_FILES)}")
    if onnx:
        check_installed()
    clear_leftovers(target)
    check_destination(target, overwrite=overwrite)
    source = open_checkpoint(checkpoint, layout=source_layout, config=config)
    source.check_bert()
    names = _needed(source)
    assets = text_assets(source.location, source.config.vocab_size, vocab, do_lower_case)
    if dry_run:
        return _report(checkpoint, source, output, assets, None, 0)
    import_tensorflow()
    with new_directory(target, overwrite=overwrite) as staging:
        write_module(staging, source, names, assets)
        write_onnx_files(staging / "onnx", source, onnx, verify=verify)
        write_manifest(staging, source, assets, None)
        parity = _check(source, staging) if verify else None
        if parity is not None and not parity.ok:
            raise DataError(f"{target}: not written: the module computes something else: {parity.verdict()}")
        write_manifest(staging, source, assets, parity)
        size = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    return _report(checkpoint, source, output, assets, parity, size)


def write_onnx_files(directory: Path, source: Checkpoint, precisions: Sequence[str], *, verify: bool) -> None:
    """The encoder as ONNX in each precision, each compared with the source.

    Raises:
      DataError: one of them computes something else.
    """
    if not precisions:
        return
    from bertferry.export.onnx.build import build, write

    directory.mkdir()
    encoder = CheckpointSource(source, "encoder")
    for precision in precisions:
        choices = Choices(precision)
        path = directory / ONNX_FILES[precision]
        with held_back_stderr():
            write(path, build(encoder, choices), choices)
        parity = check_parity(encoder, path, choices) if verify else None
        if parity is not None and not parity.ok:
            raise DataError(f"{path.name}: not written: the graph computes something else: {parity.verdict()}")


def _check(source: Checkpoint, module: Path) -> Report:
    """The written module against the source, through `hub.KerasLayer` and by signature."""
    return compare_artefacts(
        checkpoint_artefact(source, "encoder", "cpu"),
        [saved_model_artefact(module, kind, "cpu") for kind in ("hub", "savedmodel")],
    )


def _needed(source: Checkpoint) -> tuple[str, ...]:
    names = parameter_names(source.config.num_layers)
    missing = [name for name in names if name not in source.parameters]
    if missing:
        raise DataError(f"{source.location.path}: no {', '.join(missing)} in it, which an encoder module needs")
    return names


def write_module(directory: Path, source: Checkpoint, names: tuple[str, ...], assets: TextAssets | None) -> None:
    """Builds the module from the checkpoint's values and saves it."""
    import tensorflow as tf

    from bertferry.convert.writers.disk import system_errors
    from bertferry.export.hub_module import build_hub_module

    parameters = {name: tf.Variable(source.read(name), name=name, dtype=tf.float32) for name in names}
    module, signatures = build_hub_module(
        source.config,
        parameters,
        assets.vocabulary if assets else None,
        assets.do_lower_case if assets else None,
    )
    with held_back_stderr(), system_errors():
        tf.saved_model.save(module, str(directory), signatures=signatures)


def write_manifest(directory: Path, source: Checkpoint, assets: TextAssets | None, parity: Report | None) -> None:
    """MANIFEST.json: what the module is, from what it was made, and what was proven."""
    manifest: dict[str, Any] = {
        "schema": "bertferry.module/1",
        "task": "encoder",
        "source_layout": source.layout.name,
        "configuration": bert_config(source.config),
        "do_lower_case": assets.do_lower_case if assets else None,
        "versions": versions(),
        "files": {
            str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(directory.rglob("*"))
            if path.is_file() and path.name != MANIFEST
        },
        "parity": None if parity is None else parity.verdict(),
    }
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def _report(
    checkpoint: str | Path,
    source: Checkpoint,
    output: str | Path,
    assets: TextAssets | None,
    parity: Report | None,
    size: int,
) -> ExportReport:
    return ExportReport(
        source=str(checkpoint),
        source_layout=source.layout.name,
        output=str(output),
        configuration=bert_config(source.config),
        vocabulary=assets is not None,
        do_lower_case=assets.do_lower_case if assets else None,
        total_bytes=size,
        parity=None if parity is None else parity.to_dict(),
        verdict="not checked" if parity is None else parity.verdict(),
    )
