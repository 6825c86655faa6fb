"""Stderr belongs to the process: programs hold back what other libraries write there, the library never does."""

import re
import shlex
import signal
import subprocess
import sys

import pytest
from judges import skip_without

PROGRAM = """
import os, subprocess, sys, time
from absl.flags import argparse_flags
from bertferry.core.console import run_as_program
from bertferry.core.errors import DataError

def execute(arguments, progress):
    os.write(2, b"native noise\\n")
    print("noise of a logger", file=sys.stderr)
    {ending}
    return 0

parser = argparse_flags.ArgumentParser(prog="program")
parser.add_argument("--output")
run_as_program(parser, execute)
"""
LIBRARY = """
import os, sys
from bertferry.export import export_onnx

calls = []

def progress(what, done, total):
    calls.append(what)
    os.write(2, b"the caller's own line\\n")

export_onnx(sys.argv[2], checkpoint=sys.argv[1], progress=progress)
print(len(calls))
"""


def run(code, *arguments):
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("ending", "code", "shown"),
    [
        ("pass", 0, ""),
        ("raise DataError('a.b: damaged')", 1, "program: a.b: damaged\n"),
        ("raise KeyboardInterrupt", 130, "program: interrupted; no file is left half-written\n"),
        ("sys.exit(143)", 143, ""),
        ("subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)", 0, ""),
    ],
)
def test_a_program_shows_its_own_line_alone(ending, code, shown):
    ended = run(PROGRAM.format(ending=ending))
    assert ended.returncode == code
    assert ended.stderr.startswith(shown)
    assert "noise" not in ended.stderr


@pytest.mark.parametrize(("ending", "code"), [("raise RuntimeError('a bug')", 1), ("os.abort()", -signal.SIGABRT)])
def test_a_crash_shows_what_was_held_back(ending, code):
    ended = run(PROGRAM.format(ending=ending))
    assert ended.returncode == code
    assert "native noise\nnoise of a logger\n" in ended.stderr
    assert ("RuntimeError: a bug" in ended.stderr) == (code == 1)


def test_verbosity_shows_everything():
    ended = run(PROGRAM.format(ending="pass"), "--verbosity=1")
    assert ended.stderr == "native noise\nnoise of a logger\n"


def test_a_program_runs_where_nobody_listens():
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(PROGRAM.format(ending='print(1)'))} 2>&-"
    ended = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "1\n")


def test_progress_is_shown_meanwhile():
    ending = "progress._shown -= 60; progress('working', 1, 2)"
    code = f"import os\ndel os.environ['TQDM_DISABLE']\n{PROGRAM.format(ending=ending)}"
    assert re.fullmatch(r"program: 50%, [\d:]+: working\n", run(code).stderr)
    assert run(PROGRAM.format(ending=ending)).stderr == ""


def test_the_library_leaves_stderr_to_its_caller(golden, tmp_path):
    skip_without("onnx", "onnxruntime")
    ended = run(LIBRARY, golden / "tf1_core_L2", tmp_path / "m.onnx")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("the caller's own line\n") == int(ended.stdout)
