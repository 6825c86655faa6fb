"""The command publish-model."""

from argparse import Namespace
from collections.abc import Sequence

from absl.flags import argparse_flags

from bertferry.convert.source_options import add_label_flag, add_source_flags, add_text_flags, source_options
from bertferry.core.console import (
    check_report_path,
    command_parser,
    run_as_program,
    run_for_tests,
    show,
    split_list,
)
from bertferry.core.errors import UsageError
from bertferry.core.progress_bar import Progress
from bertferry.core.tasks import TASKS
from bertferry.export.publish.options import LITERT_NAMES, ONNX_NAMES, OTHER_LAYOUTS, PublishOptions


def build_parser() -> argparse_flags.ArgumentParser:
    """Defines the flags of the command."""
    parser = command_parser(
        "publish-model",
        "Publish a BERT checkpoint in any layout as one folder that clients load: transformers, "
        "sentence-transformers, transformers.js, ONNX Runtime and others. Every file is compared with the source.",
    )
    add = parser.add_argument
    add("--checkpoint", metavar="PATH", help="checkpoint prefix, directory, .safetensors file or archive")
    add("--output", metavar="DIR", help="folder to create")
    add(
        "--task",
        choices=tuple(TASKS),
        help="what graphs compute; default: that of the fine-tuned head in the source, or encoder",
    )
    precisions = ", ".join(ONNX_NAMES)
    add(
        "--onnx",
        metavar="PRECISIONS",
        default=",".join(ONNX_NAMES),
        help=f"comma-separated precisions of the ONNX files, '' for none; default: {precisions}",
    )
    add(
        "--litert",
        metavar="PRECISIONS",
        default="",
        help=f"comma-separated precisions of LiteRT files: {', '.join(LITERT_NAMES)}; default: none",
    )
    add("--hub", action="store_true", help="also a Hub module, in DIR/hub")
    add("--keras-hub", action="store_true", help="also a preset of KerasHub, in DIR/keras_hub")
    add(
        "--layouts",
        metavar="LAYOUTS",
        default="",
        help=f"comma-separated layouts of further checkpoints, each in DIR/LAYOUT: {', '.join(OTHER_LAYOUTS)}",
    )
    add(
        "--probes",
        metavar="NAMES",
        default="",
        help="comma-separated standard probes that the parts are compared with the source on; default: all",
    )
    add("--overwrite", action="store_true", help="replace an existing output")
    add("--dry-run", action="store_true", help="check everything, but write nothing")
    add("--json", metavar="FILE", nargs="?", const="-", help="write the report as JSON to stdout or FILE")
    add_label_flag(parser)
    add_source_flags(parser)
    add_text_flags(parser)
    return parser


def execute(arguments: Namespace, progress: Progress) -> int:
    """Runs the command with parsed arguments and returns its exit code."""
    check_report_path(arguments.json)
    for flag in ("checkpoint", "output"):
        if getattr(arguments, flag) is None:
            raise UsageError(f"--{flag} is missing: see --help")
    options = PublishOptions(
        task=arguments.task,
        onnx=split_list(arguments.onnx),
        litert=split_list(arguments.litert),
        hub=arguments.hub,
        keras_hub=arguments.keras_hub,
        layouts=split_list(arguments.layouts),
        probes=split_list(arguments.probes),
    )
    from bertferry.export.publish.publisher import publish_model

    with progress:
        report = publish_model(
            arguments.checkpoint,
            arguments.output,
            options,
            source=source_options(arguments),
            overwrite=arguments.overwrite,
            dry_run=arguments.dry_run,
            progress=progress,
        )
    show(report.to_json(), report.render(), arguments.json)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `publish-model` with `argv` (without the program name) and returns its exit code."""
    return run_for_tests(build_parser(), execute, argv)


def run() -> None:
    """The entry point."""
    run_as_program(build_parser(), execute)
