"""verify-parity: the command."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

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
    write_report,
)
from bertferry.core.errors import UsageError
from bertferry.core.tasks import TASKS
from bertferry.verify.console_report import render
from bertferry.verify.execution import DEVICES, GRAPH_OPTIMIZATIONS, PRECISIONS, parse_names
from bertferry.verify.html import html_report
from bertferry.verify.junit import junit_xml
from bertferry.verify.options import JUDGE_PADDING, POSITIONS, PROFILE_CHOICES, ParityOptions
from bertferry.verify.report import Report
from bertferry.verify.stored_report import read_report, regressions, rejudged
from bertferry.verify.tolerance import parse_overrides, profile
from bertferry.verify.verifier import verify_parity

PASSED_ON = (
    *("task", "device", "precision", "reference_device", "reference_precision", "graph_optimization", "threads"),
    *("profile", "atol", "rtol", "positions", "judge_padding", "baseline", "texts", "inputs", "seed"),
    *("localize", "save_golden"),
)
"""Flags that are fields of `ParityOptions` under the same name."""
REJUDGED = ("rejudge", "profile", "atol", "rtol", "override", "baseline", "json", *("junit", "html"))
"""Flags that count beside `--rejudge`, which runs nothing."""
WRITERS: dict[str, Callable[[Report], str]] = {"junit": junit_xml, "html": html_report}


def build_parser() -> argparse_flags.ArgumentParser:
    """The flags of the command."""
    parser = command_parser(
        "verify-parity",
        "Compare BERT artifacts: exit code 0 when they agree, 1 when not, 2 for bad input, "
        "3 where something asked for is not there. ART is [KIND:]PATH with KIND checkpoint, hub, savedmodel, "
        "onnx, huggingface (through PyTorch) or golden; it is found from the files when left out.",
    )
    add = parser.add_argument
    add("--reference", metavar="ART", help="what is right")
    add("--candidate", metavar="ART", action="append", default=[], help="what is compared with it; repeatable")
    add("--task", choices=tuple(TASKS), default="encoder", help="what checkpoints compute; default: encoder")
    add(
        "--map",
        metavar="THEIRS=OURS",
        action="append",
        default=[],
        help="an artifact's own input or output name and the one it stands for, such as input_ids=input_word_ids",
    )
    _add_execution_flags(parser)
    _add_judgement_flags(parser)
    _add_input_flags(parser)
    _add_report_flags(parser)
    add_source_flags(parser, "a checkpoint")
    return parser


def _add_execution_flags(parser: argparse_flags.ArgumentParser) -> None:
    add = parser.add_argument_group("how it runs").add_argument
    add("--device", choices=DEVICES, default="cpu", help="where candidates run; default: cpu")
    add("--precision", choices=PRECISIONS, help="of the candidates; default: their own")
    add("--reference-device", choices=DEVICES, default="cpu", help="where the reference runs; default: cpu")
    add("--reference-precision", choices=PRECISIONS, help="of the reference; fp64 makes it the arbiter")
    add(
        "--graph-optimization",
        choices=GRAPH_OPTIMIZATIONS,
        default="all",
        help="of ONNX Runtime, for ONNX files; default: all",
    )
    add("--threads", type=int, help="of ONNX Runtime; default: one a core")


def _add_judgement_flags(parser: argparse_flags.ArgumentParser) -> None:
    add = parser.add_argument_group("what counts as equal").add_argument
    add("--profile", choices=PROFILE_CHOICES, default="auto", help="tolerance by name; default: auto")
    add("--atol", type=float, help="absolute tolerance in place of the profile's")
    add("--rtol", type=float, help="relative tolerance in place of the profile's")
    add(
        "--override",
        metavar="OUTPUT=…",
        action="append",
        default=[],
        help="tolerance of one output: OUTPUT=PROFILE, OUTPUT=ATOL,RTOL, or a .json file of such pairs",
    )
    add(
        "--positions",
        choices=POSITIONS,
        default="all",
        help="judge padded positions too, or tokens alone",
    )
    add(
        "--judge-padding",
        choices=JUDGE_PADDING,
        default="auto",
        help="judge rows that are all padding",
    )
    add("--baseline", metavar="FILE", help="an earlier --json report; disagree where this one is worse")


def _add_input_flags(parser: argparse_flags.ArgumentParser) -> None:
    add = parser.add_argument_group("on which inputs").add_argument
    add("--probes", metavar="NAME,…", help="names of the probes to run; default: all")
    add("--texts", metavar="FILE", help="a text a line, in place of the seeded probes")
    add("--inputs", metavar="FILE", help="an .npz of inputs, in place of the seeded probes")
    add("--seed", type=int, default=0, help="of the probes; default: 0")


def _add_report_flags(parser: argparse_flags.ArgumentParser) -> None:
    add = parser.add_argument_group("reports").add_argument
    add("--localize", action="store_true", help="compare the values inside, and name where the drift begins")
    add("--json", metavar="FILE", nargs="?", const="-", help="the report as JSON, on stdout or into FILE")
    add("--junit", metavar="FILE", help="the report as JUnit XML: a test case an output, probe and candidate")
    add("--html", metavar="FILE", help="the report as one HTML page")
    add("--save-golden", metavar="FILE", help="an .npz of the inputs and the reference's outputs, to replay")
    add("--rejudge", metavar="REPORT.json", help="judge a stored report anew; runs nothing")


def execute(arguments: Namespace, progress: Progress) -> int:
    """Runs the command with parsed arguments; returns its exit code."""
    for flag in ("json", "junit", "html", "save_golden"):
        check_report_path(getattr(arguments, flag), f"--{flag.replace('_', '-')}")
    report = _rejudged(arguments) if arguments.rejudge is not None else _verified(arguments, progress)
    for flag, writer in WRITERS.items():
        if (destination := getattr(arguments, flag)) is not None:
            write_report(destination, writer(report))
    show(report.to_json(), render(report), arguments.json)
    return 0 if report.ok else 1


def _verified(arguments: Namespace, progress: Progress) -> Report:
    if arguments.reference is None or not arguments.candidate:
        raise UsageError("--reference ART and --candidate ART are needed: see --help")
    for given in ("inputs", "texts"):
        if getattr(arguments, given) is not None:
            refuse_ignored(build_parser(), arguments, f"--{given}", vars(arguments).keys() - {"seed"})
    options = ParityOptions(
        names=parse_names(arguments.map),
        overrides=tuple(arguments.override),
        probes=tuple(arguments.probes.split(",")) if arguments.probes else (),
        **{name: getattr(arguments, name) for name in PASSED_ON},
    )
    with progress:
        return verify_parity(
            arguments.reference,
            arguments.candidate,
            options,
            source=source_options(arguments),
            progress=progress,
        )


def _rejudged(arguments: Namespace) -> Report:
    refuse_ignored(build_parser(), arguments, "--rejudge", REJUDGED)
    report = read_report(Path(arguments.rejudge))
    tolerance = report.tolerance if arguments.profile == "auto" else profile(arguments.profile)
    tolerance = tolerance.changed(arguments.atol, arguments.rtol)
    overrides = {**report.overrides, **parse_overrides(arguments.override, tolerance)}
    report = rejudged(report, tolerance, overrides)
    if arguments.baseline is None:
        return report
    return report.with_faults(regressions(report, read_report(Path(arguments.baseline))))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `verify-parity` with `argv` (without program name) and returns its exit code."""
    return run_for_tests(build_parser(), execute, argv)


def run() -> None:
    """The entry point."""
    run_as_program(build_parser(), execute)
