"""Fine-tunes a checkpoint in any layout, or a Hub module, as a classifier of texts, and exports the best one.

    run_classifier.py --checkpoint PATH|--hub-module DIR --train FILE --output DIR

DIR then holds the fine-tuned checkpoint, a classifier module with ONNX files in fp32, fp16 and int8, the held-out
texts with their labels, the scores of each of these on them (report.json, parity.json), and logs for TensorBoard.
The same command goes on where it was interrupted, however that was.
"""

import shutil
from argparse import Namespace, RawDescriptionHelpFormatter
from pathlib import Path

from absl.flags import argparse_flags
from classification.job import Job
from classification.labeled_texts import Columns, LabeledTexts, read_labeled_texts, split
from classification.targets import find_targets
from training.options import add_training_flags, training_options

from bertferry.convert import open_checkpoint
from bertferry.convert.source_options import add_source_flags, source_options
from bertferry.core.atomic import check_destination
from bertferry.core.console import command_parser, run_as_program
from bertferry.core.errors import UsageError
from bertferry.core.extras import check_installed
from bertferry.core.manifest import read_manifest
from bertferry.core.progress_bar import Progress

NEEDED = ("tensorflow", "tf_keras", "tensorflow_hub", "onnx", "onnxruntime", "tokenizers")
REPORT, TRAINING = "report.json", "training"


def build_parser() -> argparse_flags.ArgumentParser:
    parser = command_parser("run_classifier.py", __doc__ or "")
    parser.formatter_class = RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--checkpoint", metavar="PATH", help="a checkpoint in any layout")
    add("--hub-module", metavar="DIR", help="or an encoder module that export-hub-module wrote")
    add("--output", metavar="DIR", help="folder to create, or of the run to go on with")
    add("--overwrite", action="store_true", help="begin again in an existing --output")
    add("--margin", type=float, metavar="X", help="loss of a score that an export may have; default: 0.01")
    add = parser.add_argument_group("labeled texts: .jsonl files, or columns between tabs").add_argument
    add("--train", metavar="FILE", help="to train on")
    add("--validation", metavar="FILE", help="to choose the best epoch by; default: a share of --train")
    add("--test", metavar="FILE", help="held out until the end; default: a share of --train")
    add("--validation-share", type=float, metavar="X", default=0.1, help="default: 0.1")
    add("--test-share", type=float, metavar="X", default=0.1, help="default: 0.1")
    add("--text-column", metavar="NAME", help="a name in the first line, a key of JSON, or a number from 1")
    add("--second-column", metavar="NAME", help="likewise: the second text of pairs")
    add("--label-column", metavar="NAME", help="likewise: the label")
    add("--regression", action="store_true", help="labels are scores, not classes")
    add_training_flags(parser)
    parser.add_argument(
        "--no-module-dropout",
        dest="module_dropout",
        action="store_false",
        help="call a Hub module without its own dropout; the one before the head stays. Its own is drawn anew in "
        "every process: with it, no training can be repeated bit for bit, nor can one that was interrupted",
    )
    parser.add_argument(
        "--dropout",
        metavar="X",
        type=float,
        help="share of values to drop in training, before the head of a Hub module; default: the configuration's",
    )
    add_source_flags(parser)
    add = parser.add_argument_group(
        "how texts become ids; default: as the files of the tokenizer say"
    ).add_argument
    add("--do-lower-case", action="store_true", default=None, help="lower-case texts")
    add("--no-do-lower-case", dest="do_lower_case", action="store_false", help="leave upper case")
    add("--max-seq-length", metavar="N", type=int, help="length at which texts are cut, special tokens included")
    return parser


def execute(arguments: Namespace, progress: Progress) -> int:
    """Runs the script; ends with 1 if an export loses more than the margin."""
    job = read_job(arguments)
    check_installed("fine-tuning", *NEEDED)
    from classification.fine_tuning import fine_tune
    from classification.judging import judge
    from training.run_folder import RunFolder

    run = RunFolder(job.output / TRAINING, job.origin())
    with progress:
        history = fine_tune(job, run, progress)
        report = judge(job, history, arguments.margin, progress.counting("steps"))
        run.finish(job.output / "logs")
        report.write(job.output / REPORT)
    print(report.render())
    return 0 if report.ok else 1


def read_job(arguments: Namespace) -> Job:
    """Everything that is given, read and checked; no TensorFlow is imported for it.

    Raises:
      BertferryError: some of it is missing, unreadable or contradictory.
    """
    options, source = training_options(arguments), source_options(arguments)
    if (arguments.checkpoint is None) == (arguments.hub_module is None):
        raise UsageError("give one source: --checkpoint PATH or --hub-module DIR")
    if arguments.dropout is not None and not 0 <= arguments.dropout < 1:
        raise UsageError(f"--dropout {arguments.dropout}: expected a share from 0 to less than 1")
    if arguments.train is None or arguments.output is None:
        raise UsageError(f"--{'train FILE' if arguments.train is None else 'output DIR'} is missing: see --help")
    path = Path(arguments.checkpoint or arguments.hub_module)
    if arguments.hub_module is not None:
        _check_module(path)
    elif not arguments.module_dropout:
        raise UsageError("--no-module-dropout is about a --hub-module: leave it out")
    parts = _read_parts(arguments, options.seed)
    opened = open_checkpoint(path, source)
    targets = find_targets(parts["train"], opened, regression=arguments.regression)
    for part in parts.values():
        targets.numbers(part)
    output = Path(arguments.output)
    _make_room(arguments, output)
    return Job(
        path,
        opened,
        source,
        arguments.hub_module is not None,
        arguments.module_dropout,
        arguments.dropout,
        targets,
        parts,
        options,
        output,
    )


def _check_module(path: Path) -> None:
    """Refuses modules whose variables have other names, or that are no encoders in float32."""
    manifest = read_manifest(path) if path.is_dir() else None
    if manifest is None:
        raise UsageError(
            f"{path}: no module that export-hub-module wrote",
            f"write one from it: export-hub-module --module {path} --output DIR",
        )
    if manifest.task != "encoder" or manifest.precision != "fp32":
        raise UsageError(
            f"{path}: a module of task {manifest.task} in {manifest.precision}: expected an encoder in fp32"
        )


def _read_parts(arguments: Namespace, seed: int) -> dict[str, LabeledTexts]:
    """The texts to train on, to validate on and to test on; what has no file is a share of the first."""
    columns = Columns(arguments.text_column, arguments.second_column, arguments.label_column)
    parts = {"train": read_labeled_texts(Path(arguments.train), columns)}
    for number, name in enumerate(("test", "validation")):
        if (file := getattr(arguments, name)) is not None:
            parts[name] = read_labeled_texts(Path(file), columns)
            if (parts[name].seconds is None) != (parts["train"].seconds is None):
                raise UsageError(f"{file}: one text per line, or two: expected as many as in {arguments.train}")
        else:
            share = getattr(arguments, f"{name}_share")
            parts["train"], parts[name] = split(parts["train"], share, seed + number)
    return parts


def _make_room(arguments: Namespace, output: Path) -> None:
    """Refuses an output that is complete, unless it may be replaced."""
    if arguments.overwrite:
        files = (arguments.checkpoint, arguments.hub_module, arguments.train, arguments.validation, arguments.test)
        check_destination(output, overwrite=True, sources=files)
        shutil.rmtree(output, ignore_errors=True)
    elif not (output / TRAINING).is_dir() or (output / REPORT).exists():
        check_destination(output, overwrite=False)


if __name__ == "__main__":
    run_as_program(build_parser(), execute)
