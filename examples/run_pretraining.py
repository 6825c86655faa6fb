"""Goes on with BERT's pretraining on a text file, from a checkpoint in any layout.

run_pretraining.py --checkpoint PATH --train TEXT --output DIR

TEXT has a sentence per line and an empty line between documents, as google-research/bert takes it. Tokens are
masked, segments are paired for the prediction of the next sentence, and the model is trained on both;
--no-next-sentence leaves the second out. DIR then holds the trained checkpoint, which `convert-checkpoint`
converts to every layout that has the heads, and logs for TensorBoard. The same command goes on where it was
interrupted.
"""

from argparse import ArgumentParser, BooleanOptionalAction, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pieces import tokenizer_of
from pretraining.documents import Lines, read_lines, split_off, tokenize
from pretraining.examples import Example, ExampleMaker, ExampleOptions
from pretraining.masking import MaskingOptions
from pretraining.segments import check_documents
from training.batches import BatchOrder, in_order
from training.options import TrainingOptions, add_training_flags, training_options
from weights import describe_fresh, write_checkpoint

from bertferry.convert.checkpoint import Checkpoint, open_checkpoint
from bertferry.convert.options import ConversionOptions
from bertferry.convert.plan import Plan, plan
from bertferry.convert.source_options import add_source_flags, source_options
from bertferry.core.console import command_parser, run_as_program, run_for_tests
from bertferry.core.errors import UsageError
from bertferry.core.progress_bar import Progress
from bertferry.core.tasks import TASKS

if TYPE_CHECKING:
    from training.run_folder import RunFolder

CHECKPOINT = "checkpoint"
OTHER_TASKS = {"albert": "the order of sentences, which is not built here"}
"""What an architecture was pretrained on instead of the next sentence."""


def build_parser() -> ArgumentParser:
    parser = command_parser("run_pretraining.py", __doc__ or "")
    parser.formatter_class = RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--checkpoint", metavar="PATH", required=True, help="a checkpoint in any layout")
    add("--train", metavar="FILE", action="append", type=Path, required=True, help="text; may be repeated")
    add("--validation", metavar="FILE", action="append", type=Path, help="default: a tenth of --train")
    add("--output", metavar="DIR", type=Path, required=True, help="folder to create, or of the run to go on with")
    length = "tokens of the longest example; default: 128"
    add("--max-seq-length", metavar="N", type=int, default=128, dest="length", help=length)
    add("--max-predictions-per-seq", metavar="N", type=int, default=20, help="default: 20")
    add("--masked-lm-prob", metavar="X", type=float, default=0.15, help="share of masked tokens; default: 0.15")
    add("--do-whole-word-mask", action="store_true", help="mask all tokens of a word if one is")
    add("--dupe-factor", metavar="N", type=int, default=10, help="how often the text is masked anew; default: 10")
    add("--short-seq-prob", metavar="X", type=float, default=0.1, help="share of shorter examples; default: 0.1")
    add("--no-next-sentence", action="store_true", help="train the masked language model alone")
    add_training_flags(parser, TrainingOptions(epochs=1))
    add_source_flags(parser)
    add("--do-lower-case", action=BooleanOptionalAction, help="default: as the files of the tokenizer say")
    return parser


def execute(arguments: Namespace, progress: Progress) -> int:
    options, training = example_options(arguments), training_options(arguments)
    with progress.counting("batches"):
        progress("reading the text", 0, 1)
        checkpoint = open_checkpoint(arguments.checkpoint, source_options(arguments))
        check_objective(checkpoint, options)
        task = "pretrainer" if options.next_sentence else "mlm"
        work = plan(checkpoint, ConversionOptions(task=task, init_missing_head=True))
        maker = ExampleMaker(tokenizer_of(checkpoint, "run_pretraining.py"), options)
        splits = [make_examples(maker, part, training.seed, progress) for part in read_splits(arguments)]
        from training.run_folder import RunFolder  # TensorFlow's messages are held back from here on

        run = RunFolder(arguments.output, origin(arguments, splits))
        progress.print(f"{len(splits[0])} examples for training, {len(splits[1])} for validation")
        if fresh := describe_fresh(work.checkpoint):
            progress.print(fresh)
        if left := [head for head in checkpoint.heads if head not in TASKS[task].heads]:
            progress.print(f"neither trained nor written: {', '.join(left)}")
        pretrain(work, maker, training, splits, run, progress)
    return 0


def example_options(arguments: Namespace) -> ExampleOptions:
    masking = MaskingOptions(
        arguments.masked_lm_prob, arguments.max_predictions_per_seq, arguments.do_whole_word_mask
    )
    return ExampleOptions(
        arguments.length,
        masking,
        not arguments.no_next_sentence,
        arguments.short_seq_prob,
        arguments.dupe_factor,
    )


def check_objective(checkpoint: Checkpoint, options: ExampleOptions) -> None:
    """Refuses objectives that are not built, and examples that are longer than the encoder takes.

    Raises:
      UsageError: naming the checkpoint.
    """
    path, config = checkpoint.location.path, checkpoint.config
    if config.architecture == "electra" and "mlm" not in checkpoint.heads:
        raise UsageError(f"{path}: an ELECTRA is trained to tell replaced tokens apart, which is not built")
    if options.next_sentence and config.architecture != "bert":
        instead = OTHER_TASKS.get(config.architecture, "masked tokens alone")
        raise UsageError(
            f"{path}: {config.switches.called} is not pretrained on the next sentence, but on {instead}",
            "give --no-next-sentence to train the masked language model alone",
        )
    if options.length > config.max_length:
        raise UsageError(f"--max-seq-length {options.length}: {path} has {config.max_length} positions")


def read_splits(arguments: Namespace) -> tuple[list[Lines], list[Lines]]:
    """The lines of documents for training and for validation.

    Raises:
      UsageError: a file that cannot be read, or too little text.
    """
    documents = read_lines(arguments.train)
    if arguments.validation:
        return documents, read_lines(arguments.validation)
    least = 1 if arguments.no_next_sentence else 2
    kept, ends = split_off(documents, least)
    if len(ends) < min(least, len(documents)):
        raise UsageError(
            f"{arguments.train[0]}: too short to take a tenth of its documents or lines for validation",
            "give --validation FILE",
        )
    return kept, ends


def make_examples(maker: ExampleMaker, documents: list[Lines], seed: int, progress: Progress) -> list[Example]:
    """The examples of one split.

    Raises:
      UsageError: there are none, or only one document, and the next sentence is to be predicted.
    """
    tokenized = tokenize(maker.source, documents, maker.room)
    if maker.options.next_sentence:
        check_documents(tokenized)
    examples: list[Example] = []
    rounds = maker.options.duplicates * len(tokenized)
    for number, of_document in enumerate(maker.make(tokenized, [seed])):
        progress("making examples", number, rounds)
        examples += of_document
    return examples


def origin(arguments: Namespace, splits: Sequence[Sequence[Example]]) -> dict[str, Any]:
    """What a run is begun with, in order not to go on with anything else."""
    settings = {key: str(value) for key, value in vars(arguments).items() if key not in ("output", "quiet")}
    digest = sha256()
    for example in (one for split in splits for one in split):
        digest.update(example.ids.tobytes() + example.labels.tobytes())
    return {**settings, "examples": digest.hexdigest()}


def pretrain(
    work: Plan,
    maker: ExampleMaker,
    options: TrainingOptions,
    splits: Sequence[Sequence[Example]],
    run: "RunFolder",
    progress: Progress,
) -> None:
    """Trains, writes the best model and says what became of the loss."""
    from pretraining.objective import Objective
    from training.loop import Training, train
    from training.seeding import seed_everything

    progress("building the model", 0, 1)
    seed_everything(options.seed)
    most, next_sentence = maker.options.masking.most, maker.options.next_sentence
    objective = Objective(work.checkpoint, most, next_sentence=next_sentence)
    order = BatchOrder([len(one.ids) for one in splits[0]], options.batch_size, options.seed)
    validation = in_order([len(one.ids) for one in splits[1]], options.batch_size)

    def evaluate() -> dict[str, float]:
        def tell(number: int) -> None:
            progress("evaluating", number, len(validation))

        return objective.evaluate((maker.batch([splits[1][one] for one in chosen]) for chosen in validation), tell)

    before = evaluate()
    progress.print(f"before training: {describe(before)}")
    training = Training(
        model=objective.model,
        loss=objective.loss,
        batch=lambda step: maker.batch([splits[0][one] for one in order.at(step)]),
        steps_per_epoch=order.steps_per_epoch,
        evaluate=evaluate,
        score="score",
    )
    train(training, options, run, progress)
    after = evaluate()
    progress.print(f"after training:  {describe(after)}")
    progress("writing the model", 0, 1)
    write_checkpoint(run.path / CHECKPOINT, objective.network, work)
    progress.print(f"trained checkpoint: {run.path / CHECKPOINT}")
    if after["score"] <= before["score"]:
        progress.print("the loss on the validation text has not become lower")


def describe(results: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in results.items() if name != "score")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script with `argv` and returns its exit code."""
    return run_for_tests(build_parser(), execute, argv)


if __name__ == "__main__":
    run_as_program(build_parser(), execute)
