"""The commit selects the tenth of the slow cases that runs, and the selection can be repeated."""

import os
import re
import subprocess
import sys
from pathlib import Path

from slow_cases import find_commit, select

SLOW = "tests/convert/test_interruptions.py"
CASES = [list(range(100)), list(range(100, 125))]


def test_a_seed_selects_the_same_tenth_again():
    assert select(CASES, "one") == select(CASES, "one") != select(CASES, "another")
    counts = [[len(select(CASES, seed) & set(cases)) for cases in CASES] for seed in range(1000)]
    assert {of_a_hundred for of_a_hundred, _ in counts} == {10}
    assert {of_a_quarter for _, of_a_quarter in counts} == {2, 3}


def test_a_run_is_seeded_by_its_commit_and_shows_the_seed():
    environment = {name: value for name, value in os.environ.items() if name != "BERTFERRY_SEED"}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-m", "slow", "-p", "no:cacheprovider", SLOW]
    root = Path(__file__).parent.parent
    run = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    (header,) = [line for line in run.stdout.splitlines() if "BERTFERRY_SEED=" in line]
    assert header.partition("BERTFERRY_SEED=")[2].strip("'") == find_commit()
    kept, total = map(int, re.search(r"(\d+)/(\d+) tests collected", run.stdout).groups())
    assert kept in (total // 10, total // 10 + 1)  # of two tests
