"""The command export-hub-module."""

from argparse import Namespace
from collections.abc import Sequence

from absl.flags import argparse_flags

from bertferry.convert.source_options import EMBEDDING_FLAGS, add_source_flags, add_text_flags, source_options
from bertferry.core.console import (
    check_report_path,
    command_parser,
    refuse_ignored,
    run_as_program,
    run_for_tests,
    show,
    split_list,
)
from bertferry.core.errors import UsageError
from bertferry.core.inner_outputs import INNER
from bertferry.core.progress_bar import Progress
from bertferry.export.inner_flags import add_inner_flags, inner_kinds_of
from bertferry.export.options import EXPORTS, MODULE_PRECISIONS, MODULE_TASKS, ModuleOptions


def build_parser() -> argparse_flags.ArgumentParser:
    """Defines the flags of the command."""
    parser = command_parser(
        "export-hub-module",
        "Export a BERT checkpoint in any layout as a TF2 Hub module and verify the result.",
    )
    add = parser.add_argument
    add(
        "--checkpoint",
        metavar="PATH",
        help="checkpoint prefix, directory, .safetensors or .keras file, or archive",
    )
    add("--module", metavar="DIR", help="Hub module of any style, instead of a checkpoint")
    add("--output", metavar="DIR", help="directory to create")
    add("--task", choices=MODULE_TASKS, default="encoder", help="what the module computes; default: encoder")
    add(
        "--export",
        choices=EXPORTS,
        default="module",
        help="preprocessing: a module that maps strings to encoder inputs; default: module",
    )
    add("--init-missing-head", action="store_true", help="initialize a missing head")
    add("--num-labels", type=int, metavar="N", help="number of classes of an initialized classifier")
    add("--vocab", metavar="FILE", help="vocabulary; default: vocab.txt next to the checkpoint")
    add(
        "--precision",
        choices=tuple(MODULE_PRECISIONS),
        default="fp32",
        help="precision of weights and matrix products; outputs are always float32; default: fp32",
    )
    add(
        "--freeze",
        metavar="PARTS",
        default="",
        help="comma-separated parts to freeze: embeddings, first:K (blocks 0 to K-1), encoder, pooler",
    )
    add(
        "--onnx",
        metavar="PRECISIONS",
        default="",
        help="comma-separated list of fp32, fp16, int8: also export the task as ONNX, to DIR/onnx",
    )
    add_inner_flags(parser)
    add("--check", metavar="DIR", help="only check that a module supports every standard way of calling it")
    add("--overwrite", action="store_true", help="replace an existing output")
    add("--no-verify", action="store_true", help="skip the parity check")
    add("--dry-run", action="store_true", help="check everything, but write nothing")
    add("--json", metavar="FILE", nargs="?", const="-", help="write the report as JSON to stdout or FILE")
    add_source_flags(parser, "the checkpoint or module")
    add_text_flags(parser)
    return parser


OF_NETWORK = ("task", "init_missing_head", "num_labels", "precision", *INNER, "freeze", "onnx", *EMBEDDING_FLAGS)
"""Flags that do not apply to preprocessing, which has no network."""


def execute(arguments: Namespace, progress: Progress) -> int:
    """Runs the command with parsed arguments and returns its exit code."""
    for mode, active, ignored in (
        ("--export preprocessing", arguments.export == "preprocessing", OF_NETWORK),
        ("--module", arguments.module is not None and arguments.checkpoint is None, ("source_layout",)),
    ):
        if active and arguments.check is None:
            refuse_ignored(build_parser(), arguments, mode, vars(arguments).keys() - set(ignored))
    check_report_path(arguments.json)
    if arguments.check is not None:
        refuse_ignored(build_parser(), arguments, "--check", ("check", "json"))
        from bertferry.export.contract_check import check_module_contract

        with progress:
            contract = check_module_contract(arguments.check, progress)
        show(contract.to_json(), contract.render(), arguments.json)
        return 0 if contract.ok else 1
    if arguments.output is None:
        raise UsageError("--output is missing: see --help")
    options = ModuleOptions(
        task=arguments.task,
        export=arguments.export,
        init_missing_head=arguments.init_missing_head,
        num_labels=arguments.num_labels,
        vocab=arguments.vocab,
        precision=arguments.precision,
        inner=inner_kinds_of(arguments),
        freeze=split_list(arguments.freeze),
        onnx=split_list(arguments.onnx),
        verify=not arguments.no_verify,
    )
    from bertferry.export.hub_exporter import export_hub_module

    with progress:
        report = export_hub_module(
            arguments.checkpoint,
            arguments.output,
            options,
            module=arguments.module,
            source=source_options(arguments),
            overwrite=arguments.overwrite,
            dry_run=arguments.dry_run,
            progress=progress,
        )
    show(report.to_json(), report.render(), arguments.json)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `export-hub-module` with `argv` (without the program name) and returns its exit code."""
    return run_for_tests(build_parser(), execute, argv)


def run() -> None:
    """The entry point."""
    run_as_program(build_parser(), execute)
