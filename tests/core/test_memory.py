"""What a command sets for the time until it ends."""

import subprocess
import sys

import pytest

HELD = """
import sys
import numpy as np
from bertferry.core.memory import keep_freed_memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

if sys.argv[1] == "kept":
    keep_freed_memory()
before = resident()
array = np.ones(50_000_000, np.float32)
del array
print(resident() - before)
"""
THRESHOLD = """
import atexit, gc
from bertferry.convert.command import run
atexit.register(lambda: print(gc.get_threshold()[0]))
run()
"""


def call(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_freed_memory_is_kept_for_the_next_array():
    assert int(call(HELD, "returned")) < 50_000_000
    assert int(call(HELD, "kept")) > 150_000_000


def test_a_command_seldom_collects_cycles():
    assert int(call(THRESHOLD, "--help").splitlines()[-1]) == 50_000
