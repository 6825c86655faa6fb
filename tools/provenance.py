"""Says when, and from which commit, a page was printed."""

import subprocess
from datetime import date


def provenance() -> str:
    """The date and the commit, and whether something outside docs/ differed from it."""
    commit = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)docs")
    return f"{date.today().isoformat()}, commit {commit}{' with changes' if changed else ''}"


def _git(*arguments: str) -> str:
    return subprocess.check_output(["git", *arguments], text=True).strip()
