"""export_hub_module: exports a checkpoint in any layout as a Hub module and verifies the result."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bertferry.convert import Checkpoint, SourceOptions, open_checkpoint
from bertferry.convert.configuration import bert_config
from bertferry.convert.heads import with_heads, with_parameters
from bertferry.core.atomic import check_destination, clear_leftovers, new_directory, storing
from bertferry.core.errors import DataError, UsageError
from bertferry.core.extras import HUB, ONNX, check_installed
from bertferry.core.progress import ProgressCallback, continue_after, no_progress
from bertferry.core.sentence import Sentence
from bertferry.core.tasks import TASKS
from bertferry.export.contract_check import check_tf1_computation
from bertferry.export.freeze import frozen_parameters
from bertferry.export.manifest import hashes, write_manifest
from bertferry.export.model_card import model_card
from bertferry.export.module_series import ModuleSeries
from bertferry.export.module_source import check_task, is_tf1_format, open_module
from bertferry.export.module_writer import (
    Module,
    check_module,
    needed_parameters,
    record_source,
    weight_bytes,
    write_module,
    write_onnx_files,
)
from bertferry.export.options import ModuleOptions
from bertferry.export.report import ExportReport
from bertferry.export.text.prompts import prompt_functions
from bertferry.export.text_assets import check_exact, find_text_assets
from bertferry.export.text_writer import (
    check_preprocessing,
    check_text_embedding,
    write_preprocessing,
    write_text_embedding,
)
from bertferry.verify import Report


class Writer(NamedTuple):
    """The functions that write a kind of module and compare it with its source."""

    write: Callable[[Path, Module], None]
    check: Callable[[Module, Path, ProgressCallback | None], Report | None]


TASK_WRITER = Writer(write_module, check_module)
WRITERS = {
    "text": Writer(write_text_embedding, check_text_embedding),
    "preprocessing": Writer(write_preprocessing, check_preprocessing),
}


def export_hub_module(
    checkpoint: str | Path | None,
    output: str | Path,
    options: ModuleOptions = ModuleOptions(),
    *,
    module: str | Path | None = None,
    source: SourceOptions = SourceOptions(),
    overwrite: bool = False,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
) -> ExportReport:
    """Exports a checkpoint, or another module, as a Hub module directory, and compares the two on every probe.

    Args:
      checkpoint: a prefix, a directory or a `.safetensors` file, in any layout; or a checkpoint, SavedModel or
        `.keras` file of a model that contains a `hub.KerasLayer`.
      output: the directory to create.
      options: options of the module.
      module: a Hub module of any style, instead of a checkpoint; its vocabulary and casing are copied.
      source: how the checkpoint or module is read, if its files leave it open.
      overwrite: replace an existing output.
      dry_run: check everything, but write nothing.
      progress: called with the current step, the steps done and the total.

    Raises:
      BertferryError: see its `exit_code`; nothing remains at `output`.
    """
    target, source_name = Path(output), str(checkpoint if module is None else module)
    if module is not None and checkpoint is None and is_tf1_format(Path(module)):
        check_packages(options)
        if options.verify and not dry_run:
            check_tf1_computation(Path(module))
        checkpoint, module = module, None  # its weights, which compute what its signatures do
    if module is not None:
        check_task(Path(module), options.kind)
    check_packages(options)
    clear_leftovers(target)
    check_destination(target, overwrite=overwrite, sources=(checkpoint, module, options.vocab, *source.files))
    opened = open_source(checkpoint, module, source)
    new = plan_module(opened, target, options, None if module is None else Path(module))
    if dry_run:
        return _report(source_name, new, output, None, {}, dry_run=True)
    with new_directory(target, overwrite=overwrite) as staging:
        parity, verdicts = write_and_check(staging, new, options, progress or no_progress)
        files = {str(path.relative_to(staging)): path.stat().st_size for path in _files(staging)}
    return _report(source_name, new, output, parity, files, verdicts)


def plan_module(opened: Checkpoint, target: Path, options: ModuleOptions, origin: Path | None) -> Module:
    """Plans the module to write; checks everything that can be checked before writing.

    Args:
      opened: the source.
      target: the directory to create.
      options: options of the module.
      origin: the module from which the source was opened, if any.

    Raises:
      UsageError: a missing vocabulary, pooling or part to freeze.
      DataError: the source lacks a parameter of the task.
    """
    sentence = _read_sentence(opened, options)
    opened = replace(with_heads(opened, options.heads), inner=options.inner)
    task = opened.task(options.kind if options.kind in TASKS else "encoder")
    if options.init_missing_head:
        task = replace(task, pooler=True)
    needed = needed_parameters(options.kind, task, opened.config, sentence)
    opened = with_parameters(
        opened,
        needed,
        f"task {options.task}",
        init_missing_head=options.init_missing_head,
        num_labels=options.num_labels,
    )
    if options.kind in WRITERS:
        check_exact(opened)
    if sentence is not None:
        prompt_functions(sentence)
    return Module(
        opened,
        options.kind,
        target,
        options.precision,
        frozen_parameters(options.freeze, needed, opened.config),
        find_text_assets(opened, options.vocab, sentence),
        origin,
        sentence,
    )


def _read_sentence(opened: Checkpoint, options: ModuleOptions) -> Sentence | None:
    if options.kind != "text":
        if opened.options.about_embeddings:
            raise UsageError(f"--pooling and --normalize are for --task text, not {options.kind}")
        return None
    return opened.sentence


def write_and_check(
    staging: Path,
    new: Module,
    options: ModuleOptions,
    tell: ProgressCallback,
    series: ModuleSeries | None = None,
) -> tuple[Report | None, tuple[str, ...]]:
    """Writes the module with its ONNX files, card and manifest; returns the parity report, and their verdicts.

    `series` has what modules written before have in common with this one.

    Raises:
      DataError: the module does not compute what its source computes.
    """
    writer = WRITERS.get(new.task, TASK_WRITER)
    of_task = writer is TASK_WRITER
    if series is not None and of_task and series.takes(new):
        writer = Writer(series.write, series.check)
    steps = 1 + bool(options.onnx)
    with ThreadPoolExecutor() as pool:
        source_hashes = pool.submit(hashes, new.source.location.files)  # in parallel with writing
        recording = pool.submit(record_source, new) if options.verify and of_task else None
        tell("writing the module", 0, steps)
        writer.write(staging, new)
        verdicts: tuple[str, ...] = ()
        if options.onnx:
            tell("writing ONNX files", 1, steps)
            verdicts = write_onnx_files(staging / "onnx", new, options.onnx, verify=options.verify)
        written_hashes = pool.submit(hashes, _files(staging), staging)
        if recording is not None:
            new = replace(new, recording=recording.result())
        with storing(staging):
            parity = writer.check(new, staging, continue_after(steps, tell)) if options.verify else None
        if parity is not None and not parity.ok:
            raise DataError(f"{new.target}: not written: the module differs from its source: {parity.verdict()}")
        card = staging / "README.md"
        card.write_text(model_card(new, parity), encoding="utf-8")
        write_manifest(
            staging, new, parity, source_hashes.result(), {**written_hashes.result(), **hashes([card], staging)}
        )
    return parity, verdicts


def open_source(checkpoint: str | Path | None, module: str | Path | None, options: SourceOptions) -> Checkpoint:
    """Opens the checkpoint or the module.

    Raises:
      BertferryError: neither or both are given, or the source cannot be opened.
    """
    if (checkpoint is None) == (module is None):
        raise UsageError("give one source: --checkpoint PATH or --module DIR")
    return open_checkpoint(str(checkpoint), options) if module is None else open_module(Path(module), options)


def check_packages(options: ModuleOptions) -> None:
    """Checks that the packages with which the module is written and compared are installed.

    Raises:
      UnavailableError: one of them is not installed.
    """
    check_installed("exporting a Hub module", *HUB)
    if options.kind in WRITERS:
        check_installed("exporting a text module", "tensorflow_text")
        if options.verify:
            check_installed("comparing a text module with its source", "tokenizers")
    if options.onnx:
        check_installed("exporting ONNX files", *ONNX)


def _files(directory: Path) -> list[Path]:
    return [path for path in sorted(directory.rglob("*")) if path.is_file()]


def _report(
    source_name: str,
    module: Module,
    output: str | Path,
    parity: Report | None,
    files: dict[str, int],
    verdicts: tuple[str, ...] = (),
    *,
    dry_run: bool = False,
) -> ExportReport:
    source, assets = module.source, module.assets
    computed = source.location.left_out if module.sentence is not None else ()
    return ExportReport(
        source=source_name,
        source_layout=source.layout.name,
        output=str(output),
        task=module.task,
        precision=module.precision,
        configuration=bert_config(source.config, module.heads, source.classifier),
        fresh_parameters=source.initialized,
        vocabulary=assets is not None,
        do_lower_case=assets.do_lower_case if assets else None,
        tokenizer=assets.tokenizer.facts() if assets else None,
        weight_bytes=weight_bytes(module),
        files=files,
        parity=None if parity is None else parity.to_dict(),
        verdict="not checked" if parity is None else parity.verdict(),
        dry_run=dry_run,
        notes=(
            *(note for note in source.notes if note not in computed),
            *(assets.notes if assets else ()),
            *verdicts,
        ),
    )
