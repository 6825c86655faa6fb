"""Fine-tunes a checkpoint in any layout, or a Hub module, to answer questions, as run_squad.py did in 2019.

run_squad.py --checkpoint PATH|--hub-module DIR --train FILE --predict FILE --output DIR

The files are in the JSON format of SQuAD 1.1, or 2.0 with --version-2-with-negative; squad/generate.py writes some
to try this with. DIR then holds the fine-tuned checkpoint, a span module with ONNX files in fp32, fp16 and int8,
the answers as SQuAD's official scripts read them, exact match and F1 of each of these (metrics.json), and logs for
TensorBoard. Without --train, the questions are answered with the weights as they are. The same command goes on
where it was interrupted.
"""

import json
from argparse import ArgumentParser, BooleanOptionalAction, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pieces import tokenizer_of
from squad.answers import AnswerOptions, Prediction, group, predict
from squad.metrics import evaluate
from squad.questions import Question, read_questions
from squad.windows import Window, WindowOptions, make_windows
from training.batches import BatchOrder
from training.options import TrainingOptions, add_training_flags, training_options
from weights import describe_fresh

from bertferry.convert.checkpoint import open_checkpoint
from bertferry.convert.options import ConversionOptions
from bertferry.convert.plan import Plan, plan
from bertferry.convert.source_options import add_source_flags, source_options
from bertferry.core.atomic import replace_file
from bertferry.core.console import command_parser, run_as_program, run_for_tests
from bertferry.core.errors import DataError, UsageError
from bertferry.core.extras import HUB, ONNX, check_installed
from bertferry.core.progress_bar import Progress

Scorer = Callable[[dict[str, Any]], Sequence[Any]]


@dataclass(frozen=True)
class Data:
    """Questions and their windows."""

    questions: list[Question]
    windows: list[Window]


@dataclass(frozen=True)
class Job:
    """What a command does, and how."""

    arguments: Namespace
    windows: WindowOptions
    answers: AnswerOptions
    training: TrainingOptions
    progress: Progress


def build_parser() -> ArgumentParser:
    parser = command_parser("run_squad.py", __doc__ or "")
    parser.formatter_class = RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--checkpoint", metavar="PATH", help="a checkpoint in any layout")
    add("--hub-module", metavar="DIR", help="an encoder module that export-hub-module wrote, instead")
    add("--train", metavar="FILE", type=Path, help="questions to train on; default: no training")
    add("--predict", metavar="FILE", type=Path, required=True, help="questions to answer and to be scored on")
    add("--output", metavar="DIR", type=Path, required=True, help="folder to create, or of the run to go on with")
    add("--no-export", action="store_true", help="write the checkpoint and its answers only")
    add("--version-2-with-negative", action="store_true", help="some questions have no answer, as in SQuAD 2.0")
    threshold = "there is none if that is scored by more than this above the best; default: 0"
    add("--null-score-diff-threshold", metavar="X", type=float, default=0.0, help=threshold)
    add("--max-seq-length", metavar="N", type=int, default=384, dest="length", help="of a window; default: 384")
    add("--doc-stride", metavar="N", type=int, default=128, help="tokens from window to window; default: 128")
    add("--max-query-length", metavar="N", type=int, default=64, help="tokens of a question; default: 64")
    add("--n-best-size", metavar="N", type=int, default=20, help="answers listed for a question; default: 20")
    add("--max-answer-length", metavar="N", type=int, default=30, help="tokens of an answer; default: 30")
    add("--do-lower-case", action=BooleanOptionalAction, help="default: as the files of the tokenizer say")
    add_training_flags(parser, TrainingOptions(epochs=2, learning_rate=5e-5))
    add(
        "--no-module-dropout",
        dest="module_dropout",
        action="store_false",
        help="call a Hub module without its own dropout, which is drawn anew in every process: with it, no "
        "training can be repeated, nor end after an interruption as it would have without",
    )
    add_source_flags(parser)
    return parser


def execute(arguments: Namespace, progress: Progress) -> int:
    job = read_job(arguments, progress)
    with progress.counting("batches"):
        progress("reading the questions", 0, 1)
        negative = job.answers.negative
        train = read_questions(arguments.train, negative=negative) if arguments.train else []
        dev = read_questions(arguments.predict, negative=negative)
        checkpoint = open_checkpoint(arguments.checkpoint or arguments.hub_module, source_options(arguments))
        if job.windows.length > checkpoint.config.max_length:
            longest = checkpoint.config.max_length
            raise UsageError(f"--max-seq-length {job.windows.length}: the encoder has {longest} positions")
        work = plan(checkpoint, ConversionOptions(task="span", init_missing_head=True))
        fresh = describe_fresh(work.checkpoint)
        if fresh and not train:
            raise DataError(f"{checkpoint.location.path}: has no span head: give --train FILE to train one")
        progress("cutting contexts into windows", 0, 1)
        source = tokenizer_of(checkpoint, "run_squad.py")
        train = with_answers(train, arguments.train, progress)
        data = [Data(part, list(make_windows(source, part, job.windows))) for part in (train, dev)]
        counts = [f"{len(part.questions)} questions, {len(part.windows)} windows" for part in data]
        progress.print(f"training: {counts[0]}; evaluation: {counts[1]}")
        if fresh:
            progress.print(fresh)
        fine_tune(job, work, data[0], data[1], source.tokenizer.ids.get("pad", 0))
    return 0


def read_job(arguments: Namespace, progress: Progress) -> Job:
    """The options, checked before anything is read.

    Raises:
      UsageError: a flag is missing, or has a value that is out of range.
    """
    if (arguments.checkpoint is None) == (arguments.hub_module is None):
        raise UsageError("give either --checkpoint PATH or --hub-module DIR")
    check_installed("run_squad.py", *HUB, "tokenizers", *(() if arguments.no_export else ONNX))
    return Job(
        arguments,
        WindowOptions(arguments.length, arguments.doc_stride, arguments.max_query_length),
        AnswerOptions(
            arguments.n_best_size,
            arguments.max_answer_length,
            arguments.version_2_with_negative,
            arguments.null_score_diff_threshold,
        ),
        training_options(arguments),
        progress,
    )


def with_answers(questions: list[Question], path: Path, progress: Progress) -> list[Question]:
    """The questions to train on: those that have no answer, or one that stands where the file says.

    Raises:
      DataError: there are none.
    """
    kept = [one for one in questions if one.impossible or one.training_answer]
    if questions and not kept:
        raise DataError(f"{path}: no answer stands at its answer_start, which counts characters")
    if left := [one.id for one in questions if not one.impossible and not one.training_answer]:
        progress.print(f"left out of training: {len(left)} answers that are not at answer_start, first {left[0]}")
    return kept


def fine_tune(job: Job, work: Plan, train: Data, dev: Data, pad_id: int) -> None:
    """Trains if there is anything to train on, writes what is asked for, and says how good each of it is."""
    from squad.artifacts import CHECKPOINT, export, parity, scorer
    from squad.span_model import SpanModel, batch_of
    from training.loop import Training
    from training.loop import train as train_model
    from training.run_folder import RunFolder
    from training.seeding import seed_everything

    arguments, progress = job.arguments, job.progress
    run = RunFolder(arguments.output, origin(arguments))
    progress("building the model", 0, 1)
    seed_everything(job.training.seed)
    span = SpanModel(work, arguments.hub_module, module_dropout=arguments.module_dropout)

    def score_dev(scores: Scorer) -> tuple[list[Prediction], dict[str, float]]:
        return answer(job, dev, scores, pad_id)

    if train.questions:
        order = BatchOrder([len(one.ids) for one in train.windows], job.training.batch_size, job.training.seed)
        training = Training(
            model=span.model,
            loss=span.loss,
            batch=lambda step: batch_of([train.windows[one] for one in order.at(step)], pad_id),
            steps_per_epoch=order.steps_per_epoch,
            evaluate=lambda: in_short(score_dev(span.scores)[1]),
            score="f1",
        )
        train_model(training, job.training, run, progress)
    progress("writing the checkpoint", 0, 1)
    span.write(arguments.output / CHECKPOINT)
    predictions, results = score_dev(span.scores)
    write_answers(arguments.output, dev.questions, predictions, negative=job.answers.negative)
    metrics = {CHECKPOINT: results}
    progress.print(f"{CHECKPOINT}: {describe(results)}")
    for name in () if arguments.no_export else export(arguments.output, progress):
        metrics[name] = score_dev(scorer(arguments.output / name))[1]
        progress.print(f"{name}: {describe(in_short(metrics[name]))}; {parity(arguments.output, name, progress)}")
    write_json(arguments.output / "metrics.json", metrics)


def answer(job: Job, dev: Data, scores: Scorer, pad_id: int) -> tuple[list[Prediction], dict[str, float]]:
    """The answers that something gives, and their scores."""
    from squad.span_model import score_windows

    def tell(done: int, count: int) -> None:
        job.progress("answering", done, count)

    found = score_windows(dev.windows, job.training.batch_size, pad_id, scores, tell)
    grouped = group(dev.windows, found)
    predictions = [predict(one, own, job.answers) for one, own in zip(dev.questions, grouped, strict=True)]
    pairs = list(zip(dev.questions, predictions, strict=True))
    odds = {one.id: found.null_odds for one, found in pairs} if job.answers.negative else None
    return predictions, evaluate(dev.questions, {one.id: found.answer for one, found in pairs}, odds)


def write_answers(
    folder: Path, questions: Sequence[Question], predictions: Sequence[Prediction], *, negative: bool
) -> None:
    """Writes the answers as the official scripts read them, and all that were considered."""
    pairs = [(one.id, found) for one, found in zip(questions, predictions, strict=True)]
    write_json(folder / "predictions.json", {name: found.answer for name, found in pairs})
    write_json(folder / "nbest_predictions.json", {name: found.entries() for name, found in pairs})
    if negative:
        write_json(folder / "null_odds.json", {name: found.null_odds for name, found in pairs})


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    with replace_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def origin(arguments: Namespace) -> dict[str, Any]:
    """What a run is begun with, in order not to go on with anything else."""
    settings = {key: str(value) for key, value in vars(arguments).items() if key not in ("output", "quiet")}
    files = [path for path in (arguments.train, arguments.predict) if path is not None]
    return {**settings, "contents": [sha256(path.read_bytes()).hexdigest() for path in files]}


def in_short(results: Mapping[str, float]) -> dict[str, float]:
    """Exact match and F1 of all questions."""
    return {name: value for name, value in results.items() if name in ("exact_match", "exact", "f1")}


def describe(results: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in results.items() if not name.endswith("total"))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script with `argv` and returns its exit code."""
    return run_for_tests(build_parser(), execute, argv)


if __name__ == "__main__":
    run_as_program(build_parser(), execute)
