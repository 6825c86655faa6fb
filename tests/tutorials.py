"""Pages of the documentation as a reader follows them: files to write, and commands with what they print.

A block of `console` has commands after `$` and what each prints; … stands for anything in a line, and alone for
any number of lines. A block after a paragraph that ends in a name and a colon is what the file of that name holds.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

FILE = re.compile(r"`([\w./-]+)`:\n\n```(?!console)\w+\n(.*?)```", re.DOTALL)
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
END = "\x1e"
"""Ends what a command prints; its exit status follows, and another one."""


@dataclass(frozen=True)
class Command:
    """A command of a page, and what the page says that it prints."""

    line: str
    output: str


@dataclass(frozen=True)
class Ran:
    """What became of a command."""

    status: int
    output: str


def read_commands(page: str) -> list[Command]:
    """The commands of a page, in order."""
    found = []
    for block in CONSOLE.findall(page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, output = part.partition("\n")
            found.append(Command(line, output))
    return found


def write_files(page: str, folder: Path) -> None:
    """Writes the files whose content a page shows."""
    for name, content in FILE.findall(page):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def run_commands(commands: list[Command], folder: Path, environment: dict[str, str]) -> list[Ran]:
    """Runs commands in one shell, which keeps variables and the status of the last command between them."""
    report = f"status=$?; printf '{END}%s{END}' $status; (exit $status)"
    script = "\n".join(f"{command.line}\n{report}" for command in commands)
    shell = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)
    parts = shell.stdout.split(END)
    assert len(parts) == 2 * len(commands) + 1, shell.stderr
    return [Ran(int(status), output) for output, status in zip(parts[:-1:2], parts[1::2], strict=True)]


def is_as_shown(command: Command, printed: str) -> bool:
    """Whether a command printed what its page shows, figures aside, which depend on the processor."""
    pattern = ""
    for line in without_figures(command.output).splitlines():
        pattern += "(?:.*\n)*" if line.strip() == "…" else re.escape(line).replace("…", ".*") + "\n"
    return re.fullmatch(pattern, without_figures(printed)) is not None


def without_figures(text: str) -> str:
    return re.sub(r"[ -]*\d[\d.,]*(e-\d+)?", "#", text)
