"""Damaged weight files of every format end in one line: nothing in them is run, time and memory stay bounded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_child import KINDS

COUNT = 10
CHILD = Path(__file__).parent.parent / "fuzz_child.py"


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, 151, COUNT))
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_end_in_one_line(golden, tmp_path, kind, first):
    arguments = [golden, tmp_path, kind, str(first), str(COUNT)]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, CHILD, *arguments], capture_output=True, text=True, env=environment, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert result["faults"] == []
    assert sum(result["codes"].values()) == COUNT + 1
    assert set(result["codes"]) & {"1", "2"}
