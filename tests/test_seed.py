"""The commit selects the tenth of the slow cases that runs, and the selection can be repeated."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SLOW = "tests/convert/test_interruptions.py"


def collected(seed=None):
    """The slow cases that a run selects, and the seed in its header."""
    environment = {name: value for name, value in os.environ.items() if name != "BERTFERRY_SEED"}
    if seed is not None:
        environment["BERTFERRY_SEED"] = seed
    command = [sys.executable, "-m", "pytest", "--collect-only", "-m", "slow", "-p", "no:cacheprovider", SLOW]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    cases = {line.strip() for line in run.stdout.splitlines() if line.strip().startswith("<Function")}
    (header,) = [line for line in run.stdout.splitlines() if "BERTFERRY_SEED=" in line]
    return cases, header.partition("BERTFERRY_SEED=")[2]


def test_the_commit_chooses_and_its_seed_chooses_the_same_again():
    git = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    head = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    cases, seed = collected()
    assert seed == (head or "'no commit'")
    assert collected(seed.strip("'")) == (cases, seed)
    assert collected("another")[0] != cases
