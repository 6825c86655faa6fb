"""What all commands share: parsing through absl, one line per error, exit codes."""

import errno
import os
import signal
import sys
import traceback
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from absl import app, flags, logging
from absl.flags import argparse_flags

from bertferry.core.atomic import replace_file
from bertferry.core.errors import FLAG, BertferryError, UsageError
from bertferry.core.memory import collect_seldom, keep_freed_memory
from bertferry.core.progress_bar import Progress
from bertferry.core.quiet import hold_back_stderr, own_stderr
from bertferry.core.temporary import own_temporary_files

Execute = Callable[[Namespace, Progress], int]
"""Runs a command with its arguments; returns its exit code."""
FLAG_OF_ATTRIBUTE = {"source_layout": "--from", "class_names": "--labels"}
"""Flags that are not named after their attribute."""
ALWAYS_USED = ("quiet",)
"""Attributes of flags that no mode ignores."""

UNREACHABLE = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ENOTDIR)
"""Errors of the operating system that concern a path as it was given."""


class CommandParser(argparse_flags.ArgumentParser):  # type: ignore[misc]  # absl publishes no types
    """A parser whose errors are one line, without the list of all flags, which would hide it."""

    def error(self, message: str) -> NoReturn:
        """Prints what is wrong and ends the program with exit code 2."""
        print(f"{self.prog}: {message}: see --help", file=sys.stderr)
        raise SystemExit(2)


def command_parser(program: str, description: str) -> argparse_flags.ArgumentParser:
    """A parser with what every command has: absl's flags, `--quiet` and `--version`."""
    parser = CommandParser(prog=program, description=description)
    parser.add_argument("--version", action=ShowVersion, nargs=0, help="show program's version number and exit")
    parser.add_argument("--quiet", action="store_true", help="show no progress; --json shows none either")
    return parser


class ShowVersion(Action):
    """Prints the version, which is only then looked up: that would take a quarter of the time of `--help`."""

    def __call__(self, parser: ArgumentParser, *_: object) -> NoReturn:
        """Prints program and version and ends the program."""
        from importlib.metadata import version

        print(f"{parser.prog} {version('bertferry')}")
        parser.exit()


def parse(parser: argparse_flags.ArgumentParser, argv: Sequence[str]) -> Namespace:
    """Parses the arguments, without program name. Exits with argparse's code 2 on a wrong flag."""
    arguments = Namespace()
    try:
        parser.parse_args(list(argv), arguments)
    except flags.Error as error:  # absl raises on bad values of its own flags
        parser.error(str(error).splitlines()[0])
    for name, value in vars(arguments).items():
        setattr(arguments, name, _expand_home(value))
    return arguments


def _expand_home(value: Any) -> Any:  # noqa: ANN401 - the value of any flag
    """`~` at the beginning of a value is the home folder; the shell expands it only where it begins a word."""
    if isinstance(value, list):
        return [_expand_home(item) for item in value]
    return os.path.expanduser(value) if isinstance(value, str) and value.startswith("~") else value


def run_for_tests(parser: argparse_flags.ArgumentParser, execute: Execute, argv: Sequence[str] | None) -> int:
    """Parses and runs a command; returns its exit code and never exits the process."""
    try:
        return run_guarded(parser, execute, parse(parser, sys.argv[1:] if argv is None else argv))
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0


def run_as_program(
    parser: argparse_flags.ArgumentParser, execute: Execute, argv: Sequence[str] | None = None
) -> None:
    """The entry point of a command, with `argv` or the process's arguments: absl's `app.run` around it."""
    collect_seldom()
    signal.signal(signal.SIGTERM, _end_on_sigterm)
    if sys.stderr is None:  # closed by the parent process: nobody is listening
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.stderr = os.fdopen(2, "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a locale without UTF-8 must not make printing fail

    # Unless told not to, ONNX Runtime sends telemetry and leaves a note of it in the temporary directory.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

    def execute_isolated(arguments: Namespace, progress: Progress) -> int:
        keep_freed_memory()
        with own_temporary_files(), nullcontext() if logging.get_verbosity() > 0 else hold_back_stderr():
            return execute(arguments, progress)

    app.run(
        lambda arguments: run_guarded(parser, execute_isolated, arguments),
        argv=[parser.prog, *(sys.argv[1:] if argv is None else argv)],
        flags_parser=lambda argv: parse(parser, argv[1:]),
    )


def run_guarded(parser: argparse_flags.ArgumentParser, execute: Execute, arguments: Namespace) -> int:
    """Runs the command; an error in its input becomes one line on stderr and an exit code."""
    logging.use_absl_handler()
    try:
        quiet = getattr(arguments, "quiet", False) or getattr(arguments, "json", None) is not None
        code = execute(arguments, Progress(parser.prog, own_stderr, quiet=quiet))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader is gone: write nothing more, not even at exit
        return 128 + signal.SIGPIPE
    except BertferryError as error:
        if logging.get_verbosity() > 0:
            traceback.print_exc()
        flags_here = FLAG.findall(parser.format_help())
        print(f"{parser.prog}: {' '.join(error.message(flags_here).split())}", file=sys.stderr)
        return error.exit_code
    except OSError as error:  # of a path that the command could not even look at
        if error.errno not in UNREACHABLE or error.filename is None:
            raise
        print(f"{parser.prog}: {error.filename}: {error.strerror}", file=sys.stderr)
        return UsageError.exit_code
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted; no file is left half-written", file=sys.stderr)
        return 130


def refuse_ignored(
    parser: argparse_flags.ArgumentParser, arguments: Namespace, mode: str, used: Collection[str]
) -> None:
    """Refuses flags that were given but that the command ignores in this mode.

    Args:
      parser: provides the defaults.
      arguments: as parsed by it.
      mode: the flag that selects the mode, for the message.
      used: the attributes of `arguments` that the mode uses.

    Raises:
      UsageError: naming the flags.
    """
    ignored = [
        FLAG_OF_ATTRIBUTE.get(name, f"--{name.replace('_', '-')}")
        for name, value in vars(arguments).items()
        if value != parser.get_default(name) and name not in (*used, *ALWAYS_USED)
    ]
    if ignored:
        them = "it" if len(ignored) == 1 else "them"
        raise UsageError(f"{mode} has no use for {', '.join(ignored)}: leave {them} out")


def check_report_path(destination: str | None, flag: str = "--json") -> None:
    """Refuses, before any work is done, a path that the report could not be written to.

    Raises:
      UsageError: its folder is missing or not writable, or the path is a folder.
    """
    if destination is None or destination == "-":
        return
    path = Path(destination).absolute()
    place = path if path.exists() else path.parent
    if path.is_dir() or not path.parent.is_dir() or not os.access(place, os.W_OK):
        raise UsageError(f"{destination}: cannot be written", f"choose another path for {flag}")


def show(as_json: str, as_text: str, destination: str | None) -> None:
    """Prints a result: the text, or with a bare `--json` the JSON; `--json FILE` also writes the JSON to a file.

    Raises:
      UsageError: the file cannot be written.
    """
    if destination == "-":
        sys.stdout.write(as_json)
        return
    if destination is not None:
        write_report(destination, as_json)
    print(as_text)


def write_report(destination: str, text: str) -> None:
    """Writes a report atomically; to a device or pipe, directly.

    Raises:
      UsageError: the file cannot be written.
    """
    path = Path(destination)
    if path.exists() and not path.is_file():
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{destination}: cannot be written: {error.strerror}") from error
        return
    with replace_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _end_on_sigterm(signum: int, frame: object) -> None:
    raise SystemExit(128 + signum)


def split_list(text: str) -> tuple[str, ...]:
    """The items of a comma-separated list."""
    return tuple(item.strip() for item in text.split(",") if item.strip())
