"""The command release-models."""

import os
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from absl.flags import argparse_flags

from bertferry.core.console import (
    check_report_path,
    command_parser,
    run_as_program,
    run_for_tests,
    show,
    write_report,
)
from bertferry.core.errors import UsageError
from bertferry.core.progress_bar import Progress
from bertferry.export.release.options import ENGINES, RECHECKS, ReleaseOptions


def build_parser() -> argparse_flags.ArgumentParser:
    """Defines the flags of the command."""
    parser = command_parser(
        "release-models",
        "Release the models of a manifest, each as a folder that publish-model would write, in processes that "
        "stay warm. What is already there and unchanged is left as it is, so the same command goes on after an "
        "interruption.",
    )
    add = parser.add_argument
    add("manifest", metavar="MANIFEST", nargs="?", help="family in TOML or JSON: see docs/release.md")
    add("--output", metavar="DIR", help="folder of the family; each model gets a folder in it")
    add("--workers", metavar="N", type=int, help="processes at once; default: one per processor")
    add(
        "--memory",
        metavar="GB",
        type=float,
        help="memory for all of them; default: 80 %% of what there is",
    )
    add("--engine", choices=ENGINES, default="local", help="processes on this machine, or tasks of a Ray cluster")
    add("--address", metavar="URL", help="of the Ray cluster; default: one is started on this machine")
    add("--shard", metavar="I/N", help="release the I-th of N parts of the family, I from 1, for batch systems")
    add("--only", metavar="GLOB", help="release the models whose names match")
    add("--force", action="store_true", help="release also what is unchanged")
    add("--retry-failed", action="store_true", help="release also what failed and is unchanged since")
    add(
        "--recheck",
        nargs="?",
        const="hashes",
        choices=RECHECKS,
        help="hash what was written, or compare it with its source again (parity); release anew what differs",
    )
    add("--fail-fast", action="store_true", help="stop at the first failure")
    add("--timeout", metavar="S", type=float, help="seconds after which the process of a model is ended")
    add("--dry-run", action="store_true", help="open every input and estimate its memory, but write nothing")
    add("--json", metavar="FILE", nargs="?", const="-", help="write the report as JSON to stdout or FILE")
    add("--html", metavar="FILE", help="write the report as a page also to FILE")
    return parser


def execute(arguments: Namespace, progress: Progress) -> int:
    """Runs the command with parsed arguments and returns its exit code."""
    check_report_path(arguments.json)
    check_report_path(arguments.html, "--html")
    if arguments.manifest is None:
        raise UsageError("no manifest given: see --help")
    if arguments.output is None:
        raise UsageError("--output is missing: see --help")
    options = ReleaseOptions(
        workers=arguments.workers,
        memory=arguments.memory,
        engine=arguments.engine,
        address=arguments.address,
        shard=arguments.shard,
        only=arguments.only,
        force=arguments.force,
        retry_failed=arguments.retry_failed,
        recheck=arguments.recheck,
        fail_fast=arguments.fail_fast,
        timeout=arguments.timeout,
    )
    from bertferry.export.release.pages import html_pieces, text_table
    from bertferry.export.release.releaser import release_models

    with progress:
        report = release_models(
            arguments.manifest, arguments.output, options, dry_run=arguments.dry_run, progress=progress
        )
    text = f"{text_table(report)}\n{report.render()}" if arguments.dry_run else report.render()
    show(report.to_json(), text, arguments.json)
    if arguments.html is not None:
        is_address = "://" in arguments.output
        start = arguments.output if is_address else os.path.relpath(arguments.output, Path(arguments.html).parent)
        rows = tuple(replace(row, page=row.page and f"{start}/{row.page}") for row in report.models)
        write_report(arguments.html, "".join(html_pieces(replace(report, models=rows))))
    return 0 if report.ok else 1


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `release-models` with `argv` (without the program name) and returns its exit code."""
    return run_for_tests(build_parser(), execute, argv)


def run() -> None:
    """The entry point."""
    run_as_program(build_parser(), execute)
