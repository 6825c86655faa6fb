"""export-hub-module: the command."""

from argparse import BooleanOptionalAction, Namespace
from collections.abc import Sequence

from absl.flags import argparse_flags

from bertferry.convert.source_options import add_source_flags, source_options
from bertferry.core.console import (
    Progress,
    check_report_path,
    command_parser,
    refuse_ignored,
    run_as_program,
    run_for_tests,
    show,
)
from bertferry.core.errors import UsageError
from bertferry.export.contract_check import check_module_contract
from bertferry.export.hub_exporter import export_hub_module
from bertferry.export.options import EXPORTS, MODULE_PRECISIONS, MODULE_TASKS, ModuleOptions
from bertferry.export.sentence import POOLINGS


def build_parser() -> argparse_flags.ArgumentParser:
    """The flags of the command."""
    parser = command_parser(
        "export-hub-module",
        "Export a BERT checkpoint in any layout as a TF2 Hub module, and compare the two.",
    )
    add = parser.add_argument
    add("--checkpoint", metavar="PATH", help="a prefix, a directory, a .safetensors or .keras file, an archive")
    add("--module", metavar="DIR", help="a Hub module of any style, in place of a checkpoint")
    add("--output", metavar="DIR", help="the directory to create")
    add("--task", choices=MODULE_TASKS, default="encoder", help="what the module computes; default: encoder")
    add("--pooling", choices=POOLINGS, help="of --task text; default: as sentence-transformers' files say")
    add(
        "--export",
        choices=EXPORTS,
        default="module",
        help="preprocessing: what maps strings to an encoder's inputs; default: module",
    )
    add("--init-missing-head", action="store_true", help="start a head that the checkpoint lacks fresh")
    add("--num-labels", type=int, metavar="N", help="classes of a fresh classifier")
    add("--vocab", metavar="FILE", help="the vocabulary; default: vocab.txt beside the checkpoint")
    add(
        "--do-lower-case",
        action=BooleanOptionalAction,
        help="whether texts are lower-cased; default: as tokenizer_config.json says",
    )
    add(
        "--precision",
        choices=tuple(MODULE_PRECISIONS),
        default="fp32",
        help="of weights and products; outputs are float32; default: fp32",
    )
    add(
        "--freeze",
        metavar="PARTS",
        default="",
        help="comma list of what is not trainable: embeddings, first:K (blocks 0 to K-1), encoder, pooler",
    )
    add(
        "--onnx",
        metavar="PRECISIONS",
        default="",
        help="comma list of fp32, fp16, int8: the task as ONNX too, in DIR/onnx",
    )
    add("--check", metavar="DIR", help="export nothing: check any module against what its callers expect")
    add("--overwrite", action="store_true", help="replace an existing output")
    add("--no-verify", action="store_true", help="skip the parity check")
    add("--dry-run", action="store_true", help="check everything and write nothing")
    add("--json", metavar="FILE", nargs="?", const="-", help="the report as JSON, on stdout or into FILE")
    add_source_flags(parser, "the checkpoint or module")
    return parser


OF_NETWORK = ("task", "pooling", "init_missing_head", "num_labels", "precision", "freeze", "onnx")
"""Flags that say nothing about preprocessing, which has no network."""


def execute(arguments: Namespace, progress: Progress) -> int:
    """Runs the command with parsed arguments; returns its exit code."""
    for mode, given, others in (
        ("--export preprocessing", arguments.export == "preprocessing", OF_NETWORK),
        ("--module", arguments.module is not None and arguments.checkpoint is None, ("source_layout",)),
    ):
        if given and arguments.check is None:
            refuse_ignored(build_parser(), arguments, mode, vars(arguments).keys() - set(others))
    check_report_path(arguments.json)
    if arguments.check is not None:
        refuse_ignored(build_parser(), arguments, "--check", ("check", "json"))
        with progress:
            checked = check_module_contract(arguments.check, progress)
        show(checked.to_json(), checked.render(), arguments.json)
        return 0 if checked.ok else 1
    if arguments.output is None:
        raise UsageError("--output is missing: see --help")
    options = ModuleOptions(
        task=arguments.task,
        export=arguments.export,
        pooling=arguments.pooling,
        init_missing_head=arguments.init_missing_head,
        num_labels=arguments.num_labels,
        vocab=arguments.vocab,
        do_lower_case=arguments.do_lower_case,
        precision=arguments.precision,
        freeze=split_list(arguments.freeze),
        onnx=split_list(arguments.onnx),
        verify=not arguments.no_verify,
    )
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


def split_list(given: str) -> tuple[str, ...]:
    """The items of a comma list."""
    return tuple(item for item in given.split(",") if item)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `export-hub-module` with `argv` (without program name) and returns its exit code."""
    return run_for_tests(build_parser(), execute, argv)


def run() -> None:
    """The entry point."""
    run_as_program(build_parser(), execute)
