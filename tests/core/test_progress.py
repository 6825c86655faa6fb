"""What people see while they wait: a bar on a terminal, lines elsewhere, nothing if they do not want any.

Each command runs in a process of its own, at the end of a pseudo-terminal or a pipe, and shows every step at once.
"""

import os
import pty
import re
import struct
import subprocess
import sys
import termios
from fcntl import ioctl

import pytest

from bertferry.core.progress import continue_after, no_progress, part_of

AT_ONCE = """
import os, sys
os.environ.pop("TQDM_DISABLE", None)
from bertferry.core import progress_bar
progress_bar.BAR_AFTER = progress_bar.REDRAWN_AFTER = progress_bar.LINE_AFTER = -1
progress_bar.TICK = 60
"""
CONVERT = f"{AT_ONCE}\nfrom bertferry.convert.command import run\nsys.argv[0] = 'convert-checkpoint'\nrun()"
VERIFY = f"{AT_ONCE}\nfrom bertferry.verify.command import run\nsys.argv[0] = 'verify-parity'\nrun()"
STEPS = f"""{AT_ONCE}
with progress_bar.Progress("program", lambda: sys.stderr) as progress:
    for done in range(3):
        progress("writing \\u00e9\\u6f22\\x1b[31m\\n" + "x" * 90, done, 3)
print("done")
"""


def in_terminal(code, *arguments, columns=80, term="xterm"):
    """Runs code whose stderr is a terminal; returns its exit code, its stdout, and what the terminal was sent."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": term, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other end is closed
            piece = b""
        if not piece:
            break
        written += piece
    os.close(ours)
    out, _ = process.communicate()
    return process.returncode, out.decode(), written.decode()


def in_pipe(code, *arguments):
    run = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    return run.returncode, run.stdout, run.stderr


def conversion(golden, tmp_path, *flags):
    return CONVERT, "--input", golden / "tf1_core_L2", "--output", tmp_path / "out", "--overwrite", *flags


def comparison(golden, *flags):
    core = golden / "tf1_core_L2"
    return VERIFY, "--reference", core, "--candidate", core, *flags


def test_a_terminal_shows_one_line_that_is_removed(golden, tmp_path):
    code, out, written = in_terminal(*conversion(golden, tmp_path))
    assert (code, out.startswith("converted")) == (0, True)
    *drawn, blank, end = written.split("\r")[1:]
    assert (blank.strip(), end) == ("", "")
    assert "\n" not in written
    assert {len(line) for line in (*drawn, blank)} == {79}
    assert re.match(r"  0%\| +\| 0.00/[\d.]+kB, .*B/s, .* left: writing ", drawn[0])
    assert re.match(r"100%\|█{10}\| [\d.]+k/[\d.]+kB, ", drawn[-1])
    shares = [int(re.search(r"(\d+)%", line)[1]) for line in drawn]
    assert shares == sorted(shares)
    assert any("comparing" in line for line in drawn)


def test_a_comparison_counts_probes(golden):
    code, _, written = in_terminal(*comparison(golden))
    drawn = written.split("\r")[1:-2]
    assert code == 0
    assert re.match(r"  0%\| +\| 0/22 probes, .* left: reference on 'mixed' +$", drawn[0])
    assert re.match(r" 95%\|█+.* 21/22 probes, [\d.]+ probes/s, .* left: cand", drawn[-1])


@pytest.mark.parametrize("flags", [("--quiet",), ("--json",), ("--json", "report.json")])
def test_quiet_and_json_show_nothing(golden, tmp_path, flags):
    flags = [tmp_path / flag if flag.endswith(".json") else flag for flag in flags]
    code, _, written = in_terminal(*conversion(golden, tmp_path, *flags))
    assert (code, written) == (0, "")


@pytest.mark.parametrize("term", ["dumb", None])
def test_elsewhere_there_are_lines(golden, tmp_path, term):
    arguments = conversion(golden, tmp_path)
    code, _, written = in_pipe(*arguments) if term is None else in_terminal(*arguments, term=term)
    lines = written.replace("\r\n", "\n").splitlines()
    assert code == 0
    assert "\r" not in written.replace("\r\n", "")
    assert re.match(r"convert-checkpoint: 0%, 0.00/[\d.]+kB, .*B/s, .* left: writing \w+", lines[0])
    assert re.match(r"convert-checkpoint: 100%, ", lines[-1])


BATCHES = f"""{AT_ONCE}
with progress_bar.Progress("program", lambda: sys.stderr) as progress:
    progress("opening", 0, 1)
    progress.counting("batches")
    for done in range(40, 50):
        progress("training", done, 50)
        if done == 45:
            progress.print("half of it")
"""


def test_a_line_of_output_takes_the_place_of_the_bar():
    code, out, written = in_terminal(BATCHES)
    lines = [line.strip() for line in written.split("\r")[1:]]
    assert (code, out) == (0, "half of it\n")
    assert [line[:4] for line in lines[6:10]] == ["90%|", "", "", "92%|"]


def test_batches_count_from_where_training_goes_on():
    """Their rate is that of the batches since then: of none at first."""
    lines = in_terminal(BATCHES)[2].split("\r")[1:]
    assert re.match(r" 80%\|█+ +\| 40/50 batches, \? batches/s, \? left: training", lines[1])
    assert re.match(r" 98%\|█+.?\| 49/50 batches, +[\d.]+ batches/s, 00:00 left: training", lines[-3])


def test_a_narrow_terminal_and_names_of_any_letters_stay_on_one_line():
    code, out, written = in_terminal(STEPS, columns=60)
    *drawn, blank, _ = written.split("\r")[1:]
    assert (code, out) == (0, "done\n")
    assert "\n" not in written
    assert "\x1b" not in written
    assert [len(line) for line in drawn] == [58] * 3  # one letter is two columns wide
    assert len(blank) == 59
    assert "writing é漢?[31m?xxx" in drawn[0]


def test_a_terminal_without_a_size_has_eighty_columns():
    written = in_terminal(STEPS, columns=0)[2]
    assert len(written.split("\r")[1]) == 78


def test_work_goes_on_if_nobody_reads_what_is_shown(golden, tmp_path):
    """The reader of a pipe has ended."""
    ours, theirs = os.pipe()
    os.close(ours)
    code, *arguments = conversion(golden, tmp_path)
    process = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, stderr=theirs, text=True
    )
    os.close(theirs)
    assert (process.returncode, process.stdout.startswith("converted")) == (0, True)


def test_what_fails_leaves_its_line_alone(golden, tmp_path):
    """The bar is gone before the message comes."""
    fault = "raise KeyboardInterrupt"
    code = CONVERT.replace("\nrun()", f"\nimport bertferry.convert.converter as c\ndef fail(*_): {fault}")
    code += "\nc.compare_bits = fail\nrun()"
    _, *arguments = conversion(golden, tmp_path)
    status, _, written = in_terminal(code, *arguments)
    assert status == 130
    assert re.search(r"\r +\rconvert-checkpoint: interrupted; no file is left half-written\r\n$", written)


def test_help_does_not_wait_for_the_bar():
    code = f"{CONVERT[:-5]}try: run()\nfinally: print([m for m in ('tqdm', 'numpy') if m in sys.modules])"
    _, out, _ = in_pipe(code, "--help")
    assert "--quiet" in out
    assert out.endswith("[]\n")


def test_parts_are_counted_on():
    said = []
    continue_after(2, lambda *step: said.append(step))("a", 1, 4)
    part_of(lambda *step: said.append(step), "file", 3, 6)("b", 1, 2)
    part_of(lambda *step: said.append(step), "file", 3, 6)("b", 0, 0)
    no_progress("c", 0, 1)
    assert said == [("a", 2.25, 3), ("file: b", 3.5, 6), ("file: b", 3, 6)]
