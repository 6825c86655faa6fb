"""What the commands share: parsing through absl, one line per fault, exit codes."""

import signal
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Sequence

from absl import app, flags, logging
from absl.flags import argparse_flags

from bertferry.modeling.errors import BertferryError, UsageError

Execute = Callable[[Namespace], int]


def parse(parser: argparse_flags.ArgumentParser, argv: Sequence[str]) -> Namespace:
    """The arguments, without program name. Ends with argparse's exit code 2 on a wrong flag."""
    arguments = Namespace()
    try:
        parser.parse_args(list(argv), arguments)
    except flags.Error as error:  # absl raises on bad values of its own flags
        parser.error(str(error).splitlines()[0])
    return arguments


def run_for_tests(parser: argparse_flags.ArgumentParser, execute: Execute, argv: Sequence[str] | None) -> int:
    """Parses and runs a command; returns its exit code and never leaves the process."""
    try:
        return guarded(parser, execute, parse(parser, sys.argv[1:] if argv is None else argv))
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0


def run_as_program(parser: argparse_flags.ArgumentParser, execute: Execute) -> None:
    """The entry point of a command: absl's `app.run` around it."""
    signal.signal(signal.SIGTERM, _end_on_sigterm)
    app.run(
        lambda arguments: guarded(parser, execute, arguments),
        flags_parser=lambda argv: parse(parser, argv[1:]),
    )


def guarded(parser: argparse_flags.ArgumentParser, execute: Execute, arguments: Namespace) -> int:
    """Runs the command; a fault of its input becomes one line on stderr and an exit code."""
    logging.use_absl_handler()
    try:
        return execute(arguments)
    except BertferryError as error:
        if logging.get_verbosity() > 0:
            traceback.print_exc()
        print(f"{parser.prog}: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted, nothing written", file=sys.stderr)
        return 130


def write_report(text: str, destination: str) -> None:
    """Writes a report to a file, or to stdout for `-`.

    Raises:
      UsageError: the file cannot be written.
    """
    if destination == "-":
        sys.stdout.write(text)
        return
    try:
        with open(destination, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{destination}: cannot be written: {error.strerror}") from error


def _end_on_sigterm(signum: int, frame: object) -> None:
    raise SystemExit(128 + signum)
