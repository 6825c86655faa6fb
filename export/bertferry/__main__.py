"""Single entry point to the commands: `bertferry` and `python -m bertferry`."""

import sys
from importlib import import_module

from bertferry.core.console import run_as_program

COMMANDS = {
    "convert": (
        "bertferry.convert.command",
        "convert a checkpoint from any layout to another (convert-checkpoint)",
    ),
    "export-hub": ("bertferry.export.command", "export a TF2 Hub module, or check one (export-hub-module)"),
    "export-litert": ("bertferry.export.litert.command", "export a LiteRT file (export-litert)"),
    "export-onnx": ("bertferry.export.onnx.command", "export an ONNX graph (export-onnx)"),
    "publish": ("bertferry.export.publish.command", "publish one folder for all clients (publish-model)"),
    "release": ("bertferry.export.release.command", "publish a family, resumably (release-models)"),
    "verify": ("bertferry.verify.command", "compare what models compute (verify-parity)"),
}
"""Module and purpose of each command; the module is imported when the command runs."""


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
        from importlib.metadata import version

        print(f"bertferry {version('bertferry')}")
    else:
        fault = f"unknown command {name!r}" if name else "no command given"
        print(f"bertferry: {fault}: expected one of {', '.join(COMMANDS)}: see --help", file=sys.stderr)
        sys.exit(2)


def help_text() -> str:
    """Output of `bertferry --help`."""
    lines = "".join(f"  {name:<13} {purpose}\n" for name, (_, purpose) in COMMANDS.items())
    return f"""usage: bertferry [-h] [--version] COMMAND ...

Convert BERT checkpoints between formats, export them, and verify that nothing changed.

commands:
{lines}
options:
  -h, --help    show this help message and exit
  --version     show program's version number and exit

`bertferry COMMAND --help` shows the flags of a command. Each command is also a program of its own, named in
parentheses above.
"""


if __name__ == "__main__":
    run()
