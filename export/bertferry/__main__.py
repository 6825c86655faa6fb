"""One entry to the four commands, as `bertferry` and as `python -m bertferry`."""

import sys
from importlib import import_module
from importlib.metadata import version

from bertferry.core.console import run_as_program

COMMANDS = {
    "convert": (
        "bertferry.convert.command",
        "convert a checkpoint from any layout to another (convert-checkpoint)",
    ),
    "export-hub": ("bertferry.export.command", "export a TF2 Hub module, or check one (export-hub-module)"),
    "export-onnx": ("bertferry.export.onnx.command", "export an ONNX graph (export-onnx)"),
    "verify": ("bertferry.verify.command", "compare what models compute (verify-parity)"),
}
"""The module of each command, imported when it is called, and what it does."""


def run() -> None:
    """The entry point."""
    name, *arguments = sys.argv[1:] or [""]
    if name in COMMANDS:
        command = import_module(COMMANDS[name][0])
        parser = command.build_parser()
        parser.prog = f"bertferry {name}"
        run_as_program(parser, command.execute, arguments)
    elif name in ("-h", "--help"):
        print(help_text(), end="")
    elif name == "--version":
        print(f"bertferry {version('bertferry')}")
    else:
        fault = f"unknown command {name!r}" if name else "no command given"
        print(f"bertferry: {fault}: expected one of {', '.join(COMMANDS)}: see --help", file=sys.stderr)
        sys.exit(2)


def help_text() -> str:
    """What `bertferry --help` prints."""
    lines = "".join(f"  {name:<12} {purpose}\n" for name, (_, purpose) in COMMANDS.items())
    return f"""usage: bertferry [-h] [--version] COMMAND ...

Carry BERT checkpoints between formats, export them, and prove that nothing changed.

commands:
{lines}
options:
  -h, --help   show this help message and exit
  --version    show program's version number and exit

`bertferry COMMAND --help` shows the flags of a command. Each is also a program under the name in brackets.
"""


if __name__ == "__main__":
    run()
