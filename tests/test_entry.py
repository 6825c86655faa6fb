"""`bertferry` and `python -m bertferry` run the commands."""

import subprocess
import sys

import pytest
from test_package import MODULES

from bertferry.__main__ import COMMANDS


def bertferry(*arguments):
    return subprocess.run([sys.executable, "-m", "bertferry", *arguments], capture_output=True, text=True)


def test_every_command_is_behind_it():
    assert [module for module, _ in COMMANDS.values()] == list(MODULES.values())


def test_help_lists_the_commands_and_loads_none():
    code = (
        "import sys; sys.argv = ['bertferry', '--help']; from bertferry.__main__ import run; run(); "
        "assert not {'tensorflow', 'numpy', 'bertferry.convert'} & set(sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("usage: bertferry ")
    listed = [
        line.split()[0] for line in run.stdout.splitlines() if line.endswith(tuple(f"({c})" for c in MODULES))
    ]
    assert listed == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_goes_by_the_name_that_was_typed(command):
    name = f"bertferry {command}"
    assert bertferry(command, "--help").stdout.startswith(f"usage: {name} ")
    assert bertferry(command, "--version").stdout == f"{name} {bertferry('--version').stdout.split()[1]}\n"
    run = bertferry(command)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert run.stderr.startswith(f"{name}: ")


@pytest.mark.parametrize(("name", "module"), MODULES.items())
def test_the_programs_say_their_version(name, module):
    code = f"from {module} import run; run()"
    run = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True)
    assert run.stdout == f"{name} {bertferry('--version').stdout.split()[1]}\n"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ([], "no command given"),
        (["exprot-hub"], "unknown command 'exprot-hub'"),
        (["--input", "x"], "unknown command '--input'"),
    ],
)
def test_a_wrong_command_gets_one_line(arguments, fault):
    run = bertferry(*arguments)
    assert run.returncode == 2
    assert run.stderr == f"bertferry: {fault}: expected one of {', '.join(COMMANDS)}: see --help\n"
    assert run.stdout == ""


def test_a_command_does_its_work_and_gives_its_exit_code(golden):
    source = str(golden / "tf1_core_L2")
    run = bertferry("convert", "--diff", source, str(golden / "tf1_cls_L2"))
    assert run.returncode == 1, run.stderr
    run = bertferry("convert", "--diff", source, source)
    assert run.returncode == 0, run.stderr
    assert run.stdout
