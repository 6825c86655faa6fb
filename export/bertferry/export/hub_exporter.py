"""export_hub_module: from a checkpoint in any layout to a Hub module, proven equal to it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from bertferry.convert import Checkpoint, axes, open_checkpoint
from bertferry.convert.atomic import check_destination, clear_leftovers, new_directory
from bertferry.convert.checkpoint import with_parameters
from bertferry.convert.configuration import bert_config
from bertferry.convert.plan import TASK_HEADS, task_parameters
from bertferry.convert.quiet import held_back_stderr, import_tensorflow
from bertferry.export.freeze import frozen_parameters
from bertferry.export.manifest import hashes, write_manifest
from bertferry.export.model_card import model_card
from bertferry.export.module_source import module_casing, open_module
from bertferry.export.onnx.exporter import check_installed, check_parity
from bertferry.export.onnx.sources import CheckpointSource, Choices
from bertferry.export.report import ExportReport
from bertferry.export.vocabulary import TextAssets, text_assets
from bertferry.modeling.errors import DataError, UsageError
from bertferry.modeling.parameters import canonical_axes
from bertferry.verify import PROFILES, Report
from bertferry.verify.artefact import Artefact, checkpoint_artefact, saved_model_artefact
from bertferry.verify.verifier import Progress, compare_artefacts

TASKS = tuple(TASK_HEADS)
PRECISIONS = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
"""And the type that the weights are stored and multiplied in."""
MODULE_OPTIONS = ("config", "prefix", "num_attention_heads", "activation")
ONNX_FILES = {"fp32": "model.onnx", "fp16": "model_fp16.onnx", "int8": "model_int8.onnx"}


@dataclass(frozen=True)
class Module:
    """What is about to be exported: a task over a checkpoint's parameters, some of them frozen, with assets;
    `origin` is the module that they come from, if it is one."""

    source: Checkpoint
    task: str
    precision: str
    frozen: frozenset[str]
    assets: TextAssets | None
    origin: Path | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """Canonical names of the parameters that the module holds."""
        return task_parameters(self.task, self.source.config.num_layers)


def export_hub_module(
    checkpoint: str | Path | None,
    output: str | Path,
    *,
    module: str | Path | None = None,
    task: str = "encoder",
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
      task: what the module computes, one of `TASKS`.
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
    check_choices(task, precision, onnx)
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
    needed = task_parameters(task, source.config.num_layers)
    source = with_parameters(
        source, needed, f"task {task} needs", init_missing_head=init_missing_head, num_labels=num_labels
    )
    frozen = frozen_parameters(freeze, needed, source.config.num_layers)
    if module is not None and do_lower_case is None:
        do_lower_case = module_casing(Path(module))
    assets = text_assets(source.location, source.config.vocab_size, vocab, do_lower_case)
    new = Module(source, task, precision, frozen, assets, None if module is None else Path(module))
    given = str(checkpoint if module is None else module)
    if dry_run:
        return _report(given, new, output, None, planned_files(new), dry_run=True)
    import_tensorflow()
    tell = progress or (lambda what, done, total: None)
    with new_directory(target, overwrite=overwrite) as staging, ThreadPoolExecutor() as pool:
        read = pool.submit(hashes, source.location.files)  # beside the work, which is Python's
        tell("writing the module", 0, 2)
        write_module(staging, new)
        tell("writing ONNX files", 1, 2)
        write_onnx_files(staging / "onnx", new, onnx, verify=verify)
        written = pool.submit(hashes, _files(staging), staging)
        parity = check_module(new, staging, progress) if verify else None
        if parity is not None and not parity.ok:
            raise DataError(f"{target}: not written: the module computes something else: {parity.verdict()}")
        card = staging / "README.md"
        card.write_text(model_card(source, task, precision, assets, parity), encoding="utf-8")
        files_hashes = {**written.result(), **hashes([card], staging)}
        write_manifest(staging, source, task, precision, assets, parity, read.result(), files_hashes)
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


def check_choices(task: str, precision: str, onnx: Sequence[str]) -> None:
    """Refuses names that no checkpoint could make valid.

    Raises:
      UsageError: naming the known ones.
      UnavailableError: ONNX files asked for where nothing can write or check them.
    """
    given = [("task", task, TASKS), ("precision", precision, tuple(PRECISIONS))]
    given += [("ONNX precision", name, tuple(ONNX_FILES)) for name in onnx]
    for what, name, names in given:
        if name not in names:
            raise UsageError(f"unknown {what} {name!r}: known are {', '.join(names)}")
    if onnx:
        check_installed()


def write_module(directory: Path, module: Module) -> None:
    """Builds the module from the checkpoint's values and saves it."""
    import tensorflow as tf
    from tensorflow.python.saved_model import save_context

    from bertferry.convert.writers.disk import system_errors
    from bertferry.export.hub_module import build_hub_module
    from bertferry.export.saved_model_files import make_reproducible

    dtype = tf.as_dtype(PRECISIONS[module.precision])
    source, assets, options = module.source, module.assets, tf.saved_model.SaveOptions()
    parameters = {
        name: tf.Variable(
            tf.cast(source.load(name, canonical_axes(name)), dtype), name=name, trainable=name not in module.frozen
        )
        for name in module.parameters
    }
    with save_context.save_context(options):  # or saving would trace everything a second time
        built, signatures = build_hub_module(
            source.config,
            parameters,
            module.task,
            assets.vocabulary if assets else None,
            assets.do_lower_case if assets else None,
        )
    with held_back_stderr(), system_errors():
        tf.saved_model.save(built, str(directory), signatures=signatures, options=options)
        make_reproducible(directory)


def write_onnx_files(directory: Path, module: Module, precisions: Sequence[str], *, verify: bool) -> None:
    """The task as ONNX in each precision, each compared with the source.

    Raises:
      DataError: one of them computes something else.
    """
    if not precisions:
        return
    from bertferry.export.onnx.build import build, write

    directory.mkdir()
    source = CheckpointSource(module.source, module.task)
    for precision in precisions:
        choices = Choices(precision)
        path = directory / ONNX_FILES[precision]
        with held_back_stderr():
            write(path, build(source, choices), choices)
        parity = check_parity(source, path, choices) if verify else None
        if parity is not None and not parity.ok:
            raise DataError(f"{path.name}: not written: the graph computes something else: {parity.verdict()}")


def check_module(module: Module, directory: Path, progress: Progress | None = None) -> Report:
    """The written module against the source, through `hub.KerasLayer` and by signature, loaded once for both."""
    from bertferry.verify.runners.saved_model import HubRunner, SignatureRunner

    loaded: list[HubRunner] = []

    def as_layer() -> HubRunner:
        loaded.append(HubRunner(directory, "cpu", module.task))
        loaded[0].shares_mask = True
        return loaded[0]

    def by_signature() -> SignatureRunner:
        runner = SignatureRunner(directory, "cpu", loaded=loaded[0].loaded)
        runner.shares_mask = True
        return runner

    reference = checkpoint_artefact(module.source, module.task, "cpu")
    if module.origin is not None:  # what it computes counts, not what its variables would mean to us
        origin = saved_model_artefact(module.origin, "hub", "cpu", task=module.task)
        reference = replace(origin, limits=reference.limits)
    return compare_artefacts(
        reference,
        [Artefact(f"hub {directory}", as_layer), Artefact(f"savedmodel {directory}", by_signature)],
        PROFILES[module.precision],
        task=module.task,
        progress=progress,
    )


def planned_files(module: Module) -> dict[str, int]:
    """The files whose sizes are known before anything is traced."""
    width = 4 if module.precision == "fp32" else 2
    sizes = module.source.sizes
    elements = sum(prod(axes.shape(canonical_axes(name), sizes)) for name in module.parameters)
    files = {"variables/variables.data-00000-of-00001": width * elements}
    if module.assets:
        files["assets/" + module.assets.vocabulary.name] = module.assets.vocabulary.stat().st_size
    return files


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
        configuration=bert_config(source.config),
        fresh_parameters=source.fresh,
        vocabulary=assets is not None,
        do_lower_case=assets.do_lower_case if assets else None,
        files=files,
        parity=None if parity is None else parity.to_dict(),
        verdict="not checked" if parity is None else parity.verdict(),
        dry_run=dry_run,
    )
