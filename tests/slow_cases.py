"""Selects the slow cases that a run without `--all` includes."""

import random
import subprocess
from pathlib import Path


def find_commit():
    """The commit under test, or a fixed text if there is none: an unpacked archive, no git."""
    try:
        git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "no commit"


def select(cases, seed):
    """A tenth of the cases, at least one: the same for the same seed."""
    return set(random.Random(seed).sample(cases, k=max(1, len(cases) // 10)))
