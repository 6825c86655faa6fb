"""verify-parity: the command."""

import json
from argparse import Namespace
from collections.abc import Sequence

from absl.flags import argparse_flags

from bertferry.convert.console import (
    Progress,
    check_report_path,
    run_as_program,
    run_for_tests,
    show,
    write_report,
)
from bertferry.modeling.errors import UsageError
from bertferry.verify.junit import junit_xml
from bertferry.verify.signature import TASK_OUTPUTS
from bertferry.verify.tolerance import PROFILES
from bertferry.verify.verifier import verify_parity


def build_parser() -> argparse_flags.ArgumentParser:
    """The flags of the command."""
    parser = argparse_flags.ArgumentParser(
        prog="verify-parity",
        description="Compare BERT artefacts: exit code 0 when they agree, 1 when not, 2 for bad input, "
        "3 where something asked for is not there. ART is [KIND:]PATH with KIND checkpoint, hub, savedmodel, "
        "onnx or golden; it is found from the files when left out.",
    )
    add = parser.add_argument
    add("--reference", metavar="ART", help="what is right")
    add("--candidate", metavar="ART", action="append", default=[], help="what is compared with it; repeatable")
    add(
        "--task", choices=tuple(TASK_OUTPUTS), default="encoder", help="what checkpoints compute; default: encoder"
    )
    add("--device", choices=("cpu", "gpu"), default="cpu", help="where candidates run; default: cpu")
    add("--profile", choices=("auto", *PROFILES), default="auto", help="tolerance by name; default: auto")
    add("--atol", type=float, help="absolute tolerance in place of the profile's")
    add("--rtol", type=float, help="relative tolerance in place of the profile's")
    add(
        "--positions",
        choices=("all", "unmasked"),
        default="all",
        help="judge padded positions too, or tokens alone",
    )
    add(
        "--judge-padding",
        choices=("auto", "always", "never"),
        default="auto",
        help="judge rows that are all padding",
    )
    add("--inputs", metavar="FILE", help="an .npz of inputs, in place of the seeded probes")
    add("--seed", type=int, default=0, help="of the probes; default: 0")
    add("--junit", metavar="FILE", help="the report as JUnit XML: a test case an output, probe and candidate")
    add("--json", metavar="FILE", nargs="?", const="-", help="the report as JSON, on stdout or into FILE")
    return parser


def execute(arguments: Namespace) -> int:
    """Runs the command with parsed arguments; returns its exit code."""
    check_report_path(arguments.json)
    check_report_path(arguments.junit, "--junit")
    if arguments.reference is None or not arguments.candidate:
        raise UsageError("--reference ART and --candidate ART are needed: see --help")
    with Progress("verify-parity") as progress:
        report = verify_parity(
            arguments.reference,
            arguments.candidate,
            task=arguments.task,
            device=arguments.device,
            profile=arguments.profile,
            atol=arguments.atol,
            rtol=arguments.rtol,
            positions=arguments.positions,
            judge_padding=arguments.judge_padding,
            inputs=arguments.inputs,
            seed=arguments.seed,
            progress=progress,
        )
    if arguments.junit is not None:
        write_report(arguments.junit, junit_xml(report))
    show(json.dumps(report.to_dict(), indent=1) + "\n", report.render(), arguments.json)
    return 0 if report.ok else 1


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `verify-parity` with `argv` (without program name) and returns its exit code."""
    return run_for_tests(build_parser(), execute, argv)


def run() -> None:
    """The entry point."""
    run_as_program(build_parser(), execute)
