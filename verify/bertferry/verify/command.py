"""The command verify-parity."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl.flags import argparse_flags

from bertferry.convert.source_options import add_source_flags, add_text_flags, source_options
from bertferry.core.console import (
    check_report_path,
    command_parser,
    refuse_ignored,
    run_as_program,
    run_for_tests,
    show,
    write_report,
)
from bertferry.core.errors import UsageError
from bertferry.core.progress_bar import Progress
from bertferry.core.tasks import GRAPH_TASKS
from bertferry.verify.execution import DEVICES, ENGINES, GRAPH_OPTIMIZATIONS, RUN_PRECISIONS, parse_names
from bertferry.verify.options import JUDGE_PADDING, OUTPUTS, POSITIONS, PROFILE_CHOICES, ParityOptions
from bertferry.verify.tolerance import check_margin, parse_overrides, profile

if TYPE_CHECKING:  # `--help` must not wait for NumPy
    from bertferry.verify.report import Report

OPTION_FLAGS = (
    *("task", "device", "precision", "reference_device", "reference_precision", "graph_optimization", "threads"),
    "engine",
    *("outputs", "profile", "atol", "rtol", "positions", "judge_padding", "baseline"),
    *("fit_inputs", "texts", "pairs", "labels", "margin", "inputs", "seed", "localize", "save_golden"),
)
"""Flags that are fields of `ParityOptions` under the same name."""
REJUDGE_FLAGS = (
    "rejudge",
    "profile",
    "margin",
    "atol",
    "rtol",
    "override",
    "baseline",
    "json",
    *("junit", "html"),
)
"""Flags that apply to `--rejudge`, which runs nothing."""


def build_parser() -> argparse_flags.ArgumentParser:
    """The flags of the command."""
    parser = command_parser(
        "verify-parity",
        "Compare BERT artifacts: exit code 0 if they agree, 1 if not, 2 for bad input, 3 if a device, precision "
        "or package is missing. ART is [KIND:]PATH with KIND one of checkpoint, hub, savedmodel, onnx, litert, "
        "huggingface (runs in PyTorch) and golden; without KIND, it is detected from the files.",
    )
    add = parser.add_argument
    add("--reference", metavar="ART", help="artifact to compare with")
    add(
        "--candidate",
        metavar="ART",
        action="append",
        default=[],
        help="artifact to compare with the reference; repeatable",
    )
    add(
        "--task",
        choices=tuple(GRAPH_TASKS),
        default="encoder",
        help="task that checkpoints compute; default: encoder",
    )
    add(
        "--map",
        metavar="THEIRS=OURS",
        action="append",
        default=[],
        help="an artifact's own input or output name and its standard name, such as ids_1=input_word_ids; those "
        "of Hugging Face, KerasHub and others are known",
    )
    _add_execution_flags(parser)
    _add_judgment_flags(parser)
    _add_input_flags(parser)
    _add_report_flags(parser)
    add_source_flags(parser, "a checkpoint")
    add_text_flags(parser)
    return parser


def _add_execution_flags(parser: argparse_flags.ArgumentParser) -> None:
    add = parser.add_argument_group("execution").add_argument
    add("--device", choices=DEVICES, default="cpu", help="device of the candidates; default: cpu")
    add("--precision", choices=RUN_PRECISIONS, help="precision of the candidates; default: their own")
    add("--reference-device", choices=DEVICES, default="cpu", help="device of the reference; default: cpu")
    add(
        "--reference-precision",
        choices=RUN_PRECISIONS,
        help="precision of the reference; fp64 makes it the ground truth",
    )
    add(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="what computes checkpoints; auto: numpy on the CPU in fp32 and fp64, tensorflow otherwise",
    )
    add(
        "--graph-optimization",
        choices=GRAPH_OPTIMIZATIONS,
        default="all",
        help="level of ONNX Runtime's graph optimizations; default: all",
    )
    add("--threads", type=int, help="threads of ONNX Runtime; default: one per core")


def _add_judgment_flags(parser: argparse_flags.ArgumentParser) -> None:
    add = parser.add_argument_group("what counts as equal").add_argument
    add(
        "--outputs",
        choices=OUTPUTS,
        default="all",
        help="common: compare only the outputs that both sides have; default: all",
    )
    add(
        "--profile",
        choices=PROFILE_CHOICES,
        default="auto",
        help="named tolerance; task: judge the scores on labeled texts and nothing else; default: auto",
    )
    add("--margin", type=float, metavar="LOSS", help="loss of a score that --profile task allows; default: 0.01")
    add("--atol", type=float, help="absolute tolerance, replaces the profile's")
    add("--rtol", type=float, help="relative tolerance, replaces the profile's")
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
        help="compare padded positions too, or unmasked tokens only; default: all",
    )
    add(
        "--judge-padding",
        choices=JUDGE_PADDING,
        default="auto",
        help="compare all-padding rows; auto: if both artifacts mask in the same way",
    )
    add("--baseline", metavar="FILE", help="an earlier --json report; results that are worse than in it disagree")


def _add_input_flags(parser: argparse_flags.ArgumentParser) -> None:
    add = parser.add_argument_group("inputs").add_argument
    add("--probes", metavar="NAME,…", help="names of the probes to run; default: all")
    add(
        "--texts",
        metavar="FILE",
        help="one text per line, replaces the seeded probes, or those of a module that takes strings",
    )
    add("--pairs", action="store_true", help="each line of --texts has two texts, with a tab between them")
    add(
        "--labels",
        metavar="FILE",
        help="one label per text, by which both sides are scored: the name or number of a class, the score of a "
        "regression, the classes of all words, or with --pairs and embeddings a similarity",
    )
    add("--inputs", metavar="FILE", help="an .npz file of inputs, replaces the seeded probes")
    add(
        "--fit-inputs",
        action="store_true",
        help="give all artifacts only inputs that each of them takes: of a fixed batch or length, in one segment "
        "if one takes no segments, unpadded if one takes no mask",
    )
    add("--seed", type=int, default=0, help="seed of the probes; default: 0")


def _add_report_flags(parser: argparse_flags.ArgumentParser) -> None:
    add = parser.add_argument_group("reports").add_argument
    add(
        "--localize",
        action="store_true",
        help="compare intermediate values, and name the point where drift begins",
    )
    add("--json", metavar="FILE", nargs="?", const="-", help="write the report as JSON to stdout or FILE")
    add(
        "--junit",
        metavar="FILE",
        help="write the report as JUnit XML, one test case per output, probe and candidate",
    )
    add("--html", metavar="FILE", help="write the report as a self-contained HTML page")
    add(
        "--save-golden",
        metavar="FILE",
        help="save the inputs and the reference's outputs as an .npz file, for later comparisons",
    )
    add("--rejudge", metavar="REPORT.json", help="re-evaluate a saved report; runs nothing")


def execute(arguments: Namespace, progress: Progress) -> int:
    """Runs the command with parsed arguments and returns its exit code."""
    for flag in ("json", "junit", "html", "save_golden"):
        check_report_path(getattr(arguments, flag), f"--{flag.replace('_', '-')}")
    report = _rejudge(arguments) if arguments.rejudge is not None else _verify(arguments, progress)
    from bertferry.verify.console_report import render
    from bertferry.verify.html import html_report
    from bertferry.verify.junit import junit_xml

    for destination, write in ((arguments.junit, junit_xml), (arguments.html, html_report)):
        if destination is not None:
            write_report(destination, write(report))
    show(report.to_json(), render(report), arguments.json)
    return 0 if report.ok else 1


def _verify(arguments: Namespace, progress: Progress) -> "Report":
    if arguments.reference is None or not arguments.candidate:
        raise UsageError("--reference ART and --candidate ART are required: see --help")
    for flag in ("inputs", "texts"):
        if getattr(arguments, flag) is not None:
            refuse_ignored(build_parser(), arguments, f"--{flag}", vars(arguments).keys() - {"seed"})
    options = ParityOptions(
        names=parse_names(arguments.map),
        overrides=tuple(arguments.override),
        probes=tuple(arguments.probes.split(",")) if arguments.probes else (),
        **{name: getattr(arguments, name) for name in OPTION_FLAGS},
    )
    from bertferry.verify.parity import verify_parity

    with progress.counting("probes"):
        return verify_parity(
            arguments.reference,
            arguments.candidate,
            options,
            source=source_options(arguments),
            progress=progress,
        )


def _rejudge(arguments: Namespace) -> "Report":
    from bertferry.verify.stored_report import read_report, regressions, rejudge

    refuse_ignored(build_parser(), arguments, "--rejudge", REJUDGE_FLAGS)
    report = read_report(Path(arguments.rejudge))
    check_margin(arguments.margin, arguments.profile)
    tolerance = report.tolerance if arguments.profile == "auto" else profile(arguments.profile, arguments.margin)
    tolerance = tolerance.with_bounds(arguments.atol, arguments.rtol)
    overrides = {**report.overrides, **parse_overrides(arguments.override, tolerance)}
    report = rejudge(report, tolerance, overrides)
    if arguments.baseline is None:
        return report
    return report.with_faults(regressions(report, read_report(Path(arguments.baseline))))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `verify-parity` with `argv` (without program name) and returns its exit code."""
    return run_for_tests(build_parser(), execute, argv)


def run() -> None:
    """The entry point."""
    run_as_program(build_parser(), execute)
