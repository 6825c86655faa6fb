"""Prints docs/commands.md: the help of every command, as the commands give it."""

import os

from bertferry.__main__ import help_text
from bertferry.convert.command import build_parser as convert
from bertferry.export.command import build_parser as export
from bertferry.export.onnx.command import build_parser as onnx
from bertferry.verify.command import build_parser as verify

os.environ["COLUMNS"] = "100"  # argparse folds at the terminal's width

INTRODUCTION = """# The commands

Written by `python tools/command_help.py > docs/commands.md`; a test compares the two.

Exit codes of all of them: 0 done, or the artifacts agree; 1 bytes or tensors that contradict their checksum,
their index, the configuration or the vocabulary, or parity that failed; 2 a path, flag or configuration that is
missing, unreadable or inconsistent, or an output that is already there; 3 a device or an optional component that
was asked for and is not there. Results go to stdout, progress and faults to stderr. `--verbosity=1` shows the
traceback of a fault, and what other libraries write to stderr.
"""


def main() -> None:
    print(INTRODUCTION)
    sections = [f"## bertferry\n\n```\n{help_text()}```"]
    for parser in (convert(), export(), onnx(), verify()):
        sections.append(f"## {parser.prog}\n\n```\n{parser.format_help()}```")
    print("\n\n".join(sections))


if __name__ == "__main__":
    main()
