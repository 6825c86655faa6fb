"""export_hub_module: from a checkpoint in any layout to a Hub module, proven equal to it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from bertferry.convert import Checkpoint, open_checkpoint
from bertferry.convert.configuration import bert_config
from bertferry.convert.heads import with_heads, with_parameters
from bertferry.core.atomic import check_destination, clear_leftovers, new_directory
from bertferry.core.errors import DataError, UsageError
from bertferry.core.tasks import TASKS
from bertferry.export.freeze import frozen_parameters
from bertferry.export.manifest import hashes, write_manifest
from bertferry.export.model_card import model_card
from bertferry.export.module_source import module_casing, open_module
from bertferry.export.module_writer import (
    ONNX_FILES,
    PRECISIONS,
    Module,
    check_module,
    needed_parameters,
    weight_bytes,
    write_module,
    write_onnx_files,
)
from bertferry.export.onnx.exporter import check_installed
from bertferry.export.progress import after, silent
from bertferry.export.report import ExportReport
from bertferry.export.sentence import POOLINGS, check_text_installed, sentence_choices
from bertferry.export.text_writer import (
    check_preprocessing,
    check_text_embedding,
    write_preprocessing,
    write_text_embedding,
)
from bertferry.export.vocabulary import text_assets
from bertferry.verify import Report
from bertferry.verify.side_by_side import Progress

MODULE_TASKS = (*TASKS, "text")
EXPORTS = ("module", "preprocessing")
MODULE_OPTIONS = ("config", "prefix", "num_attention_heads", "activation")


class Writer(NamedTuple):
    """How a kind of module is written, and how it is compared with its source."""

    write: Callable[[Path, Module], None]
    check: Callable[[Module, Path, Progress | None], Report | None]


TASK_WRITER = Writer(write_module, check_module)
WRITERS = {
    "text": Writer(write_text_embedding, check_text_embedding),
    "preprocessing": Writer(write_preprocessing, check_preprocessing),
}


def export_hub_module(
    checkpoint: str | Path | None,
    output: str | Path,
    *,
    module: str | Path | None = None,
    export: str = "module",
    task: str = "encoder",
    pooling: str | None = None,
    config: str | Path | None = None,
    source_layout: str = "auto",
    prefix: str | None = None,
    num_attention_heads: int | None = None,
    activation: str | None = None,
    init_missing_head: bool = False,
    num_labels: int | None = None,
    vocab: str | Path | None = None,
    do_lower_case: bool | None = None,
    precision: str = "fp32",
    freeze: Sequence[str] = (),
    onnx: Sequence[str] = (),
    overwrite: bool = False,
    verify: bool = True,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ExportReport:
    """Exports a checkpoint, or another module, as a Hub module directory, and compares the two on every probe.

    Args:
      checkpoint: a prefix, a directory or a `.safetensors` file, in any layout; or a checkpoint, SavedModel or
        `.keras` file of a model that holds a `hub.KerasLayer`.
      output: the directory to create.
      module: a Hub module of any style, in place of a checkpoint; its vocabulary and casing come along.
      export: `module`, or `preprocessing`: what maps strings to the inputs of an encoder with this vocabulary.
      task: what the module computes, one of `MODULE_TASKS`; `text` maps strings to embeddings.
      pooling: of the task `text`: `cls`, `pooled` or `mean`, by default as the sentence-transformers configuration
        beside the checkpoint says.
      config, source_layout, prefix, num_attention_heads, activation: as for `open_checkpoint`.
      init_missing_head: start a head or pooler that the checkpoint lacks fresh.
      num_labels: classes of a fresh classifier.
      vocab: the vocabulary, by default `vocab.txt` beside the checkpoint.
      do_lower_case: whether texts are lower-cased, by default as the tokenizer configuration beside the
        checkpoint says.
      precision: `fp32`, or `fp16` or `bf16`: weights and products in that type, half the size; outputs are
        float32 in any case.
      freeze: what is left out of `trainable_variables`, see `frozen_parameters`.
      onnx: precisions to export as ONNX too, into `onnx/` of the directory.
      overwrite: replace an existing output.
      verify: run the parity check before the output appears.
      dry_run: check everything, write nothing.
      progress: called as the work goes on.

    Raises:
      BertferryError: as its `exit_code` says; nothing is left at `output` then.
    """
    target = Path(output)
    check_choices(export, task, precision, pooling, onnx)
    clear_leftovers(target)
    check_destination(target, overwrite=overwrite)
    source = open_source(
        checkpoint,
        module,
        layout=source_layout,
        config=config,
        prefix=prefix,
        num_attention_heads=num_attention_heads,
        activation=activation,
    )
    source.check_bert()
    heads = TASKS[task].heads if task in TASKS else ()
    source = with_heads(source, heads)
    kind = "preprocessing" if export == "preprocessing" else task
    sentence = sentence_choices(source.location, pooling) if kind == "text" else None
    needed = needed_parameters(kind, source.config.num_layers, sentence)
    source = with_parameters(
        source, needed, f"task {task} needs", init_missing_head=init_missing_head, num_labels=num_labels
    )
    frozen = frozen_parameters(freeze, needed, source.config.num_layers)
    if module is not None and do_lower_case is None:
        do_lower_case = module_casing(Path(module))
    assets = text_assets(source.location, source.config.vocab_size, vocab, do_lower_case)
    new = Module(
        source, kind, target, precision, frozen, assets, None if module is None else Path(module), sentence
    )
    given = str(checkpoint if module is None else module)
    if dry_run:
        return _report(given, new, output, None, {}, dry_run=True)
    tell = progress or silent
    with new_directory(target, overwrite=overwrite) as staging, ThreadPoolExecutor() as pool:
        read = pool.submit(hashes, source.location.files)  # beside the work, which is Python's
        steps = 1 + bool(onnx)
        tell("writing the module", 0, steps)
        writer = WRITERS.get(kind, TASK_WRITER)
        writer.write(staging, new)
        if onnx:
            tell("writing ONNX files", 1, steps)
            write_onnx_files(staging / "onnx", new, onnx, verify=verify)
        written = pool.submit(hashes, _files(staging), staging)
        parity = writer.check(new, staging, after(steps, tell)) if verify else None
        if parity is not None and not parity.ok:
            raise DataError(f"{target}: not written: the module computes something else: {parity.verdict()}")
        card = staging / "README.md"
        card.write_text(model_card(new, parity), encoding="utf-8")
        files_hashes = {**written.result(), **hashes([card], staging)}
        write_manifest(staging, new, parity, read.result(), files_hashes)
        files = {str(path.relative_to(staging)): path.stat().st_size for path in _files(staging)}
    return _report(given, new, output, parity, files)


def open_source(checkpoint: str | Path | None, module: str | Path | None, **options: Any) -> Checkpoint:
    """The one source that was given.

    Raises:
      BertferryError: none or both, or one that cannot be opened.
    """
    if (checkpoint is None) == (module is None):
        raise UsageError("give one source: --checkpoint PATH or --module DIR")
    if module is not None:
        return open_module(Path(module), **{name: options[name] for name in MODULE_OPTIONS})
    return open_checkpoint(str(checkpoint), **options)


def check_choices(export: str, task: str, precision: str, pooling: str | None, onnx: Sequence[str]) -> None:
    """Refuses names that no checkpoint could make valid.

    Raises:
      UsageError: naming the known ones, or choices that do not go together.
      UnavailableError: something asked for that nothing here can write or check.
    """
    given = [
        ("export", export, EXPORTS),
        ("task", task, MODULE_TASKS),
        ("precision", precision, tuple(PRECISIONS)),
    ]
    given += [("ONNX precision", name, tuple(ONNX_FILES)) for name in onnx]
    given += [] if pooling is None else [("pooling", pooling, POOLINGS)]
    for what, name, names in given:
        if name not in names:
            raise UsageError(f"unknown {what} {name!r}: known are {', '.join(names)}")
    if task == "text" or export == "preprocessing":
        check_text_installed()
        if onnx:
            raise UsageError("--onnx: ONNX has no operations for text; export an encoder's task")
    elif pooling is not None:
        raise UsageError(f"--pooling is for --task text, not {task}")
    if onnx:
        check_installed()


def _files(directory: Path) -> list[Path]:
    return [path for path in sorted(directory.rglob("*")) if path.is_file()]


def _report(
    given: str,
    module: Module,
    output: str | Path,
    parity: Report | None,
    files: dict[str, int],
    *,
    dry_run: bool = False,
) -> ExportReport:
    source, assets = module.source, module.assets
    return ExportReport(
        source=given,
        source_layout=source.layout.name,
        output=str(output),
        task=module.task,
        precision=module.precision,
        configuration=bert_config(source.config, module.heads, source.classifier),
        fresh_parameters=source.fresh,
        vocabulary=assets is not None,
        do_lower_case=assets.do_lower_case if assets else None,
        weight_bytes=weight_bytes(module),
        files=files,
        parity=None if parity is None else parity.to_dict(),
        verdict="not checked" if parity is None else parity.verdict(),
        dry_run=dry_run,
    )
