"""A conversion that is ended at any moment leaves a whole output or none, and nothing that stays."""

import os
import random
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from judges import skip_without

from bertferry.convert import convert_checkpoint, open_checkpoint
from bertferry.convert.checkpoint import same_bits

COMMAND = [sys.executable, "-c", "from bertferry.convert.command import run; run()"]
STEPS = """
import os, signal, sys, threading, time
from bertferry.convert import convert_checkpoint, converter
from bertferry.core import atomic
from bertferry.convert.writers import tensorflow as writer

name = sys.argv[3]
def die_in(module, function, after):
    original = getattr(module, function)
    def dying(*arguments, **choices):
        if not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **choices)
        os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(module, function, dying)
module, function, after = name.split()
die_in({"atomic": atomic, "converter": converter, "writer": writer}[module], function, after == "after")
convert_checkpoint(sys.argv[1], sys.argv[2], overwrite=True)
"""
MOMENTS = [
    f"{place} {when}"
    for place in (
        "converter write_other_files",
        "converter write_tensors",
        "converter compare_bits",
        "converter conversion_report",
        "writer object_graph",
        "writer _write",
        "atomic _sync",
        "atomic _take_place",
    )
    for when in ("before", "after")
]


def assert_whole_or_absent(output: Path, golden: Path) -> None:
    if not output.exists():
        return
    assert (output / "conversion_report.json").is_file()
    written, source = open_checkpoint(output), open_checkpoint(golden / "tf1_core_L2")
    for parameter in source.parameters:
        assert same_bits(written.read(parameter), source.read(parameter)), parameter


def assert_next_run_clears(output: Path, golden: Path) -> None:
    convert_checkpoint(golden / "tf1_core_L2", output, overwrite=True)
    assert_whole_or_absent(output, golden)
    assert [path.name for path in output.parent.iterdir()] == [output.name]


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("replaces", [False, True], ids=["new", "replacing"])
def test_killed_at_a_step(golden, tmp_path, moment, replaces):
    output = tmp_path / "out"
    if replaces:
        convert_checkpoint(golden / "tf1_core_L2", output)
    run = subprocess.run(
        [sys.executable, "-c", STEPS, golden / "tf1_core_L2", output, moment], capture_output=True
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    if replaces:
        assert output.exists()
    assert_whole_or_absent(output, golden)
    assert_next_run_clears(output, golden)


@pytest.mark.slow
@pytest.mark.parametrize("case", range(50))
def test_killed_at_a_random_moment(golden, tmp_path, case):
    output = tmp_path / "out"
    process = subprocess.Popen(
        [*COMMAND, "--input", golden / "tf1_core_L2", "--output", output],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not list(tmp_path.iterdir()):
        time.sleep(0.001)  # the import of TensorFlow is most of the run: wait until something is written
    time.sleep(random.Random(case).uniform(0, 0.05))
    process.kill()
    process.wait()
    assert_whole_or_absent(output, golden)
    assert_next_run_clears(output, golden)


KILLED = """
import os, pathlib, signal, sys, tempfile
from bertferry.convert import converter
from bertferry.verify import artifact_comparison
from {command} import run

def die(*arguments, **choices):
    print(*(path.name for path in pathlib.Path(tempfile.gettempdir()).rglob("*")), sep="\\n", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
converter.compare_bits = artifact_comparison.compare = die
run()
"""


@pytest.mark.parametrize("command", ["convert", "verify", "export.onnx"])
def test_a_killed_command_leaves_no_temporary_files(golden, tmp_path, command):
    """An archive's go with the process; AutoGraph writes no source files, ONNX Runtime no notes for its makers."""
    if command == "export.onnx":
        skip_without("onnx", "onnxruntime")
    folder, archive = tmp_path / "temporary", tmp_path / "bert.zip"
    folder.mkdir()
    with zipfile.ZipFile(archive, "w") as packed:
        for path in (golden / "tf1_core_L2").iterdir():
            packed.write(path, path.name)
    flags = {
        "convert": ["--input", archive, "--output", tmp_path / "out"],
        "verify": ["--reference", archive, "--candidate", archive],
        "export.onnx": ["--checkpoint", archive, "--output", tmp_path / "m.onnx"],
    }
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    program = KILLED.format(command=f"bertferry.{command}.command")
    run = subprocess.run(
        [sys.executable, "-c", program, *flags[command]],
        env={**environment, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    there = run.stdout.split()
    assert "bert_config.json" in there
    assert [name for name in there if "autograph" in name] == []
    deadline = time.monotonic() + 60
    while list(folder.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_quietly_and_leaves_nothing(golden, tmp_path, sent, code):
    slow = (
        "import time; from bertferry.convert import converter; from bertferry.convert.command import run\n"
        "converter.compare_bits = lambda *a: time.sleep(60)\n"
        "run()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", slow, "--input", golden / "tf1_core_L2", "--output", tmp_path / "out"],
        stderr=subprocess.PIPE,
        text=True,
        # A shell that starts the tests in the background has its children ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while process.poll() is None and not list(tmp_path.glob(".out.tmp-*/bert_model.ckpt.index")):
        time.sleep(0.01)
    os.kill(process.pid, sent)
    _, err = process.communicate()
    assert process.returncode == code
    assert "Traceback" not in err
    assert err.count("\n") <= 1
    assert list(tmp_path.iterdir()) == []


def test_what_lasts_says_how_far_it_is(golden, tmp_path):
    """On a pipe a line every few seconds, from a clock that runs fast here."""
    fast = (
        "import itertools, os, time\n"
        "del os.environ['TQDM_DISABLE']\n"
        "clock = itertools.count(0, 3); time.monotonic = lambda: float(next(clock))\n"
        "from bertferry.convert.command import run; run()"
    )
    run = subprocess.run(
        [sys.executable, "-c", fast, "--input", golden / "tf1_core_L2", "--output", tmp_path / "out"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    lines = run.stderr.splitlines()
    assert lines[0].startswith("convert-checkpoint: ")
    for step in ("writing", "comparing"):
        assert any(re.search(rf"B/s, .* left: {step} model/layer_with_weights-", line) for line in lines)
