"""export-hub-module: the command."""

from argparse import BooleanOptionalAction, Namespace
from collections.abc import Sequence

from absl.flags import argparse_flags

from bertferry.convert.console import check_report_path, run_as_program, run_for_tests, show
from bertferry.export.hub_exporter import TASKS, export_hub_module
from bertferry.modeling.errors import UsageError


def build_parser() -> argparse_flags.ArgumentParser:
    """The flags of the command."""
    parser = argparse_flags.ArgumentParser(
        prog="export-hub-module",
        description="Export a BERT checkpoint in any layout as a TF2 Hub module, and compare the two.",
    )
    parser.add_argument("--checkpoint", metavar="PATH", help="a prefix, a directory or a .safetensors file")
    parser.add_argument("--output", metavar="DIR", help="the directory to create")
    parser.add_argument(
        "--task", choices=TASKS, default="encoder", help="what the module computes; default: encoder"
    )
    parser.add_argument(
        "--config", metavar="FILE", help="the configuration; default: the one beside the checkpoint"
    )
    parser.add_argument(
        "--from",
        metavar="LAYOUT",
        dest="source_layout",
        default="auto",
        help="source layout; default: found from the tensors",
    )
    parser.add_argument("--vocab", metavar="FILE", help="the vocabulary; default: vocab.txt beside the checkpoint")
    parser.add_argument(
        "--do-lower-case",
        action=BooleanOptionalAction,
        help="whether texts are lower-cased; default: as tokenizer_config.json says",
    )
    parser.add_argument(
        "--onnx",
        metavar="PRECISIONS",
        default="",
        help="comma list of fp32, fp16, int8: the encoder as ONNX too, in DIR/onnx",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    parser.add_argument("--no-verify", action="store_true", help="skip the parity check")
    parser.add_argument("--dry-run", action="store_true", help="check everything and write nothing")
    parser.add_argument(
        "--json", metavar="FILE", nargs="?", const="-", help="the report as JSON, on stdout or into FILE"
    )
    return parser


def execute(arguments: Namespace) -> int:
    """Runs the command with parsed arguments; returns its exit code."""
    check_report_path(arguments.json)
    for flag in ("checkpoint", "output"):
        if getattr(arguments, flag) is None:
            raise UsageError(f"--{flag} is missing: see --help")
    report = export_hub_module(
        arguments.checkpoint,
        arguments.output,
        task=arguments.task,
        config=arguments.config,
        source_layout=arguments.source_layout,
        vocab=arguments.vocab,
        do_lower_case=arguments.do_lower_case,
        overwrite=arguments.overwrite,
        onnx=[one for one in arguments.onnx.split(",") if one],
        verify=not arguments.no_verify,
        dry_run=arguments.dry_run,
    )
    show(report.to_json(), report.summary(), arguments.json)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `export-hub-module` with `argv` (without program name) and returns its exit code."""
    return run_for_tests(build_parser(), execute, argv)


def run() -> None:
    """The entry point."""
    run_as_program(build_parser(), execute)
