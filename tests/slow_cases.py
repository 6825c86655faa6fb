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
    """A tenth of each test's cases, rounded up or down by chance: the same for the same seed.

    Args:
      cases: lists of cases, one a test.
    """
    chance = random.Random(seed)
    kept = set()
    for of_one_test in cases:
        tenth, rest = divmod(len(of_one_test), 10)
        kept.update(chance.sample(of_one_test, k=tenth + (chance.random() < rest / 10)))
    return kept
