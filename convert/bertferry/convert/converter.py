"""convert_checkpoint: from any layout to any other, without loss or change."""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path

import numpy as np

from bertferry.convert.checkpoint import Checkpoint, open_checkpoint
from bertferry.convert.configuration import write_configuration
from bertferry.convert.options import ConversionOptions
from bertferry.convert.plan import Plan, PlannedTensor, plan
from bertferry.convert.readers.reader import TensorInfo, fingerprint_of
from bertferry.convert.report import ConversionReport, conversion_report, itemsize
from bertferry.convert.source_options import SourceOptions
from bertferry.convert.tokenizer.carried import check_texts, write_tokenizer_files
from bertferry.convert.writers.content import TensorContent
from bertferry.core.atomic import check_destination, clear_leftovers, new_directory, storing
from bertferry.core.errors import DataError
from bertferry.core.progress import ProgressCallback
from bertferry.core.tasks import has_classes

CHECKPOINT_NAME = "bert_model.ckpt"
SAFETENSORS_NAME = "model.safetensors"


def convert_checkpoint(
    input: str | Path,
    output: str | Path,
    options: ConversionOptions = ConversionOptions(),
    *,
    source: SourceOptions = SourceOptions(),
    overwrite: bool = False,
    dry_run: bool = False,
    progress: ProgressCallback | None = None,
) -> ConversionReport:
    """Converts the checkpoint at `input` into the directory `output`, re-reads it and compares every bit.

    Args:
      input: a prefix, a directory, a `.safetensors` file or a released archive, in any layout.
      output: the directory to create: `bert_model.ckpt.*` and `bert_config.json`, or `model.safetensors` and
        `config.json`; `vocab.txt` and what is known of the tokenizer; `conversion_report.json`.
      options: what to write.
      source: how to read the input, if its files do not determine that.
      overwrite: replace an existing output.
      dry_run: check everything, but read only names and shapes, and write nothing.
      progress: called as the work proceeds.

    Raises:
      BertferryError: UsageError or DataError; nothing is left at `output` then.
    """
    clear_leftovers(Path(output))
    check_destination(Path(output), overwrite=overwrite, sources=(input, *source.files))
    checkpoint = open_checkpoint(input, source)
    work = plan(checkpoint, options)
    check_texts(checkpoint, work.target)
    if dry_run:
        return conversion_report(work, input, output, dry_run=True)
    with new_directory(output, overwrite=overwrite) as staging:
        write_other_files(staging, work)
        tell = _counter(work, progress)
        check_skipped(checkpoint)
        crcs = write_tensors(staging, work, tell)
        with storing(staging):
            compare_bits(staging, work, crcs, tell)
        report = conversion_report(work, input, output)
        (staging / "conversion_report.json").write_text(report.to_json())
    return report


Tell = Callable[[str, int], None]
"""Tells what is being done now, and how many bytes more are done."""


def _counter(work: Plan, progress: ProgressCallback | None) -> Tell:
    """A function that reports progress: each byte counts twice, written and compared."""
    done, total = 0, 2 * sum(map(_byte_count, work.tensors))

    def tell(what: str, further: int) -> None:
        nonlocal done
        done += further
        if progress:
            progress(what, done, total)

    return tell


def _byte_count(tensor: PlannedTensor) -> int:
    return prod(tensor.shape) * itemsize(tensor.dtype)


def write_other_files(directory: Path, work: Plan) -> None:
    """Writes the configuration and the tokenizer."""
    source = work.checkpoint
    heads = work.form.heads
    classes = source.sizes["classes"] if any(has_classes(head) for head in heads) else None
    write_configuration(directory, source.config, work.target, heads, source.classifier, classes)
    write_tokenizer_files(directory, source, work.target)


def check_skipped(checkpoint: Checkpoint) -> None:
    """Reads what is left out of the target: damage there casts doubt on the whole file."""
    for key in (*checkpoint.match.skipped, *checkpoint.match.outside):
        checkpoint.reader.checked_fingerprint(key)


def write_tensors(directory: Path, work: Plan, tell: Tell) -> dict[str, int]:
    """Writes every tensor of the plan in bounded memory; returns the CRC-32C of the bytes of each."""

    def pieces(tensor: PlannedTensor) -> Iterator[memoryview]:
        what = f"writing {tensor.stored}"
        tell(what, 0)
        for piece in work.pieces(tensor):
            yield piece
            tell(what, piece.nbytes)

    contents = [TensorContent(one.stored, one.dtype, one.shape, pieces(one)) for one in work.tensors]
    if work.target.naming == "safetensors":
        from bertferry.convert.writers.safetensors import write_safetensors

        return write_safetensors(directory / SAFETENSORS_NAME, contents)
    if work.target.naming == "keras":
        from bertferry.convert.writers.keras_hub import write_keras_hub

        return write_keras_hub(directory, contents)
    from bertferry.convert.writers.tensorflow import write_names, write_objects

    prefix = directory / CHECKPOINT_NAME
    if work.target.naming == "names":
        return write_names(prefix, [*contents, *_step_counter(work)])
    aliases = work.target.bind_aliases(work.checkpoint.config.num_layers)
    return write_objects(prefix, [tensor.row for tensor in work.tensors], contents, aliases)


def _step_counter(work: Plan) -> list[TensorContent]:
    """The target's step counter: `tf.train.Saver` and Estimator restore every variable of their graph."""
    name = work.target.step_counter
    return [TensorContent(name, "int64", (), [np.int64(work.step).tobytes()])] if name else []


def compare_bits(directory: Path, work: Plan, crcs: Mapping[str, int], tell: Tell) -> None:
    """Opens what was written as any reader would, and compares every tensor with what was to be written.

    What is compared are the CRC-32C of the bytes that are read and of those that were passed to the writer, which
    are those of the source, verified, if the tensor keeps its bytes.

    Raises:
      DataError: the first tensor that differs.
    """
    written = open_checkpoint(directory, SourceOptions(work.target.name))
    for tensor in work.tensors:
        tell(f"comparing {tensor.stored}", 0)
        if not _is_equal(written, work, tensor, crcs[tensor.stored]):
            raise DataError(f"{directory}: read-back mismatch: {tensor.stored} differs from its source")
        tell(f"comparing {tensor.stored}", _byte_count(tensor))
    if (counter := work.target.step_counter) and written.reader.read(counter) != work.step:
        raise DataError(f"{directory}: read-back mismatch: {counter} is not {work.step}")


def _is_equal(written: Checkpoint, work: Plan, tensor: PlannedTensor, crc: int) -> bool:
    key = written.reader.find(tensor.stored)
    if key is None or written.reader.tensors[key] != TensorInfo(tensor.shape, tensor.dtype):
        return False
    expected = fingerprint_of(crc)
    if tensor.keeps_bytes and tensor.source and work.checkpoint.reader.fingerprint(tensor.source) != expected:
        return False
    return written.reader.checked_fingerprint(key) == expected
