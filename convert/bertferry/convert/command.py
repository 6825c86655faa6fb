"""convert-checkpoint: the command."""

from argparse import Namespace
from collections.abc import Sequence

from absl.flags import argparse_flags

from bertferry.convert.layouts import LAYOUTS, TARGETS, WRITTEN
from bertferry.convert.options import ARCHITECTURE_CHOICES, TARGET_DTYPES, TASK_CHOICES, ConversionOptions
from bertferry.convert.source_options import (
    SOURCE_FLAGS,
    add_label_flag,
    add_source_flags,
    add_text_flags,
    source_options,
)
from bertferry.core.console import (
    check_report_path,
    command_parser,
    refuse_ignored,
    run_as_program,
    run_for_tests,
    show,
)
from bertferry.core.errors import UsageError
from bertferry.core.progress_bar import Progress


def build_parser() -> argparse_flags.ArgumentParser:
    """The flags of the command."""
    parser = command_parser(
        "convert-checkpoint",
        "Convert a BERT checkpoint from any layout to another, and verify every bit.",
    )
    parser.add_argument("--input", metavar="PATH", help="a prefix, a directory, a .safetensors file or an archive")
    parser.add_argument("--output", metavar="DIR", help="the directory to create")
    parser.add_argument(
        "--to",
        metavar="LAYOUT",
        default="keras_bert",
        help=f"target layout: {', '.join(TARGETS)}; default: keras_bert",
    )
    parser.add_argument(
        "--architecture",
        choices=ARCHITECTURE_CHOICES,
        help="write RoBERTa, DistilBERT or ELECTRA as a BERT that computes the same; default: only in layouts "
        "without names for the source's architecture",
    )
    parser.add_argument(
        "--task",
        choices=TASK_CHOICES,
        help="which heads to keep; default: those in released files of the target layout",
    )
    parser.add_argument(
        "--dtype", choices=TARGET_DTYPES, help="cast every tensor to this type; default: each keeps its type"
    )
    parser.add_argument(
        "--init-missing-head",
        action="store_true",
        help="initialize missing heads and poolers from BERT's initial distribution",
    )
    parser.add_argument(
        "--num-labels", metavar="N", type=int, help="number of classes of an initialized classifier"
    )
    add_label_flag(parser)
    parser.add_argument(
        "--global-step", metavar="N", type=int, help="the step that training continues from, for tf1; default: 0"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    parser.add_argument("--dry-run", action="store_true", help="check names, shapes and files; write nothing")
    parser.add_argument(
        "--inspect",
        action="store_true",
        help="show layout, configuration and tensors of --input; convert nothing",
    )
    parser.add_argument(
        "--diff",
        metavar=("A", "B"),
        nargs=2,
        help="compare two checkpoints in any layouts bit for bit; convert nothing",
    )
    parser.add_argument("--list-layouts", action="store_true", help="list the readable and writable layouts")
    parser.add_argument(
        "--json", metavar="FILE", nargs="?", const="-", help="write the report as JSON to stdout or FILE"
    )
    add_source_flags(parser, "the input")
    add_text_flags(parser)
    return parser


NO_CONVERSION = {
    "list_layouts": ("list_layouts",),
    "diff": ("diff", "json", *SOURCE_FLAGS),
    "inspect": ("inspect", "input", "json", *SOURCE_FLAGS),
}
"""Flags with which the command converts nothing, and the flags that each of them uses."""


def execute(arguments: Namespace, progress: Progress) -> int:
    """Runs the command with parsed arguments; returns its exit code."""
    for mode, used in NO_CONVERSION.items():
        if getattr(arguments, mode):
            refuse_ignored(build_parser(), arguments, f"--{mode.replace('_', '-')}", used)
    check_report_path(arguments.json)
    if arguments.list_layouts:
        return _list_layouts()
    if arguments.diff:
        from bertferry.convert.difference import diff_checkpoints

        a, b = arguments.diff
        difference = diff_checkpoints(a, b, source_options(arguments))
        show(difference.to_json(), difference.render(), arguments.json)
        return 0 if difference.equal else 1
    if arguments.input is None:
        raise UsageError("--input PATH is missing: see --help")
    if arguments.inspect:
        from bertferry.convert.inspection import inspect_checkpoint

        inspection = inspect_checkpoint(arguments.input, source_options(arguments))
        show(inspection.to_json(), inspection.render(), arguments.json)
        return 1 if inspection.faults else 0
    if arguments.output is None:
        raise UsageError("--output DIR is missing: name it, or give --inspect to convert nothing")
    options = ConversionOptions(
        arguments.to,
        arguments.task,
        arguments.dtype,
        arguments.init_missing_head,
        arguments.num_labels,
        arguments.global_step,
        arguments.architecture,
    )
    from bertferry.convert.converter import convert_checkpoint

    with progress.counting("bytes"):
        report = convert_checkpoint(
            arguments.input,
            arguments.output,
            options,
            source=source_options(arguments),
            overwrite=arguments.overwrite,
            dry_run=arguments.dry_run,
            progress=progress,
        )
    show(report.to_json(), report.render(), arguments.json)
    return 0


def _list_layouts() -> int:
    for layout in LAYOUTS.values():
        access = "read, written" if layout in WRITTEN else "read"
        print(f"{layout.name:<25} {access:<14} {layout.summary}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `convert-checkpoint` with `argv` (without program name) and returns its exit code."""
    return run_for_tests(build_parser(), execute, argv)


def run() -> None:
    """The entry point."""
    run_as_program(build_parser(), execute)
