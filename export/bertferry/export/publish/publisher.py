"""publish_model: one folder with everything that clients look for, each file compared with the source."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from bertferry.convert import Checkpoint, ConversionReport, SourceOptions, open_checkpoint
from bertferry.convert.configuration import bert_config
from bertferry.convert.paths import MODULES
from bertferry.convert.sentence_modules import model_folder
from bertferry.core.atomic import check_destination, clear_leftovers, new_directory, storing
from bertferry.core.errors import UsageError
from bertferry.core.extras import HUB, LITERT, ONNX, check_installed
from bertferry.core.progress import ProgressCallback, no_progress, part_of
from bertferry.core.sentence import Sentence
from bertferry.core.tasks import TASKS
from bertferry.core.versions import installed_versions
from bertferry.export.embedded_texts import embedded_texts
from bertferry.export.manifest import hashes
from bertferry.export.onnx.checkpoint_source import check_prompts
from bertferry.export.publish.card import model_card
from bertferry.export.publish.options import KERAS_HUB, PublishOptions
from bertferry.export.publish.parts import (
    IN_KERAS_HUB,
    Tell,
    convert_further,
    convert_preset,
    convert_weights,
    planned_parts,
    weights_part,
    write_further,
    write_graphs,
    write_litert,
    write_module,
    write_preset,
    write_weights,
)
from bertferry.export.publish.report import RECEIPT, Part, PublishReport
from bertferry.export.publish.work import Work
from bertferry.verify.artifact import Artifact, checkpoint_artifact
from bertferry.verify.embedding import EmbeddingsRunner
from bertferry.verify.recording import Recording, record

FINE_TUNED = ("classifier", "tokens", "span")
"""Heads that make a task of their own the default."""
VERSIONS = ("bertferry", "numpy", "onnx", "onnxruntime", "tensorflow", "ai-edge-litert")


def publish_model(
    checkpoint: str | Path,
    output: str | Path,
    options: PublishOptions = PublishOptions(),
    *,
    source: SourceOptions = SourceOptions(),
    overwrite: bool = False,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
) -> PublishReport:
    """Publishes a model as one folder: weights, tokenizer, graphs, a model card and a receipt.

    The source's network runs once, in NumPy; every graph is compared with what it returned.

    Args:
      checkpoint: a BERT in any layout.
      output: the folder to create.
      options: what it contains.
      source: how the checkpoint is read, if its files leave it open.
      overwrite: replace an existing output.
      dry_run: check everything, but write nothing.
      progress: called with the current step, the steps done and the total.

    Raises:
      BertferryError: see its `exit_code`; nothing remains at `output`.
    """
    target = Path(output)
    clear_leftovers(target)
    check_destination(target, overwrite=overwrite, sources=(checkpoint, *source.files))
    check_packages(options)
    work = plan_publication(checkpoint, target, options, source)
    if dry_run:
        return _report(work, planned_parts(work), convert_weights(target, work, dry_run=True, overwrite=overwrite))
    with new_directory(target, overwrite=overwrite) as staging:
        report = fill_folder(staging, work, progress)
        (staging / RECEIPT).write_text(report.to_json(), encoding="utf-8")
    return report


def fill_folder(staging: Path, work: Work, progress: ProgressCallback | None = None) -> PublishReport:
    """Writes all files of a published folder but its receipt, compares them, and returns what the receipt says."""
    tell = _teller(progress or no_progress, 2 + len(planned_parts(work)))
    tell("weights")("writing", 0, 1)
    conversion = write_weights(staging, work)
    work = replace(work, recording=record_source(work, tell("source")))
    parts = [weights_part(conversion), *_written(staging, work, tell)]
    report = _report(work, parts, conversion)
    (staging / "README.md").write_text(model_card(work, report), encoding="utf-8")
    with storing(staging), ThreadPoolExecutor() as pool:
        files = dict(pool.map(partial(_hash, staging), _files(staging)))
    size = sum(path.stat().st_size for path in _files(staging))
    return replace(report, files=files, total_bytes=size)


def check_packages(options: PublishOptions) -> None:
    """Checks that what the parts are written and compared with is installed.

    Raises:
      UnavailableError: a package is missing.
    """
    if options.onnx:
        check_installed("publishing ONNX files", *ONNX)
    if options.litert:
        check_installed("publishing LiteRT files", "tensorflow", *LITERT)
    if options.hub:
        check_installed("publishing a Hub module", *HUB)


def plan_publication(checkpoint: str | Path, target: Path, options: PublishOptions, stated: SourceOptions) -> Work:
    """Opens the source and decides what to make of it.

    Raises:
      UsageError: modules that embeddings would lack, or a layout that cannot hold the model.
    """
    opened = open_checkpoint(checkpoint, stated)
    task = options.task or next((head for head in opened.heads if head in FINE_TUNED), "encoder")
    embeds = task == "encoder" and _says_how_to_embed(opened)
    if stated.about_embeddings and not embeds:
        raise UsageError(f"--pooling and --normalize are for --task encoder, not {task}")
    sentence = _sentence(opened, options) if embeds else None
    work = Work(checkpoint, stated, opened, task, sentence, target, options)
    if options.keras_hub:  # which cannot hold every model: to be said before the work
        convert_preset(target / KERAS_HUB, work, dry_run=True)
    for layout in options.layouts:
        convert_further(target / layout, work, layout, dry_run=True)
    return work


def _sentence(opened: Checkpoint, options: PublishOptions) -> Sentence | None:
    """How outputs become embeddings; None if no graph computes that and a user asks for the encoder's outputs.

    Raises:
      UsageError: no graph computes it, and nobody asks for less.
    """
    try:
        sentence = opened.sentence
        if options.onnx:
            check_prompts(opened.location.path, sentence)
    except UsageError:
        if options.task is None or opened.options.about_embeddings:
            raise
        return None
    return sentence


def _says_how_to_embed(opened: Checkpoint) -> bool:
    return opened.options.about_embeddings or (model_folder(opened.location) / MODULES).is_file()


def record_source(work: Work, tell: ProgressCallback | None = None) -> Recording:
    """Runs the source on all that parts are compared on; eight bits are judged on texts, if these are embedded."""
    artifact = _reference(work)
    texts = embedded_texts(work.source, work.task, artifact) if "int8" in work.options.onnx else ()
    return record(artifact, work.task, texts, tell, work.options.probes)


def _reference(work: Work) -> Artifact:
    """The source's network, which returns all that any part does."""
    artifact, sentence = checkpoint_artifact(work.source, work.task), work.sentence
    if sentence is None:
        return artifact
    return replace(artifact, open=lambda: EmbeddingsRunner(artifact.open(), sentence, keeps=True))


def _teller(progress: ProgressCallback, count: int) -> Tell:
    """Counts the parts that were begun, out of `count`."""
    begun = 0

    def tell(part: str) -> ProgressCallback:
        nonlocal begun
        begun += 1
        return part_of(progress, part, begun - 1, count)

    return tell


def _written(staging: Path, work: Work, tell: Tell) -> Iterator[Part]:
    yield from write_graphs(staging, work, tell)
    yield from write_litert(staging, work, tell)
    yield from write_module(staging, work, tell)
    yield from write_preset(staging, work, tell)
    yield from write_further(staging, work, tell)


def _report(work: Work, parts: Iterable[Part], conversion: ConversionReport) -> PublishReport:
    source = work.source
    return PublishReport(
        source=str(work.path),
        source_layout=source.layout.name,
        output=str(work.target),
        task=work.task,
        configuration=bert_config(source.config, TASKS[work.task].heads, source.classifier),
        sentence=None if work.sentence is None else work.sentence.facts(),
        parts=tuple(parts),
        files={},
        total_bytes=0,
        conversion=conversion.to_dict(),
        versions=installed_versions(VERSIONS),
        notes=(*conversion.notes, *_notes(work)),
    )


def _notes(work: Work) -> Iterator[str]:
    """What a user may have expected."""
    if work.options.keras_hub and work.task not in ("encoder", *IN_KERAS_HUB):
        yield f"KerasHub has no model for the task {work.task}: {KERAS_HUB} has the encoder alone"
    if work.source.tokenizer_reading is None:
        yield "the source has no vocabulary: what reads texts finds no tokenizer; put its files beside it"
    others = [head for head in work.source.heads if head not in TASKS[work.task].heads]
    if others and work.options.task is None:
        yield f"its {' and '.join(others)} head is in model.safetensors alone: --task chooses another graph"
    if work.task != "encoder" or work.sentence is not None:
        return
    if _says_how_to_embed(work.source):
        yield "no graph computes the embeddings its files describe: they return the encoder's outputs"
    else:
        yield (
            "nothing says how a text is embedded: sentence-transformers would take the mean without scaling; give "
            "--pooling and --normalize if it was trained for that"
        )


def _hash(root: Path, path: Path) -> tuple[str, str]:
    """The path below the root, and the SHA-256."""
    (hashed,) = hashes([path], root).items()
    return hashed


def _files(directory: Path) -> list[Path]:
    return [path for path in sorted(directory.rglob("*")) if path.is_file()]
