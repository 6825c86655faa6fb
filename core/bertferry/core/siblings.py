"""Names of the temporary siblings of an output, and whether the process that made one may still run.

A shared disk is written to by many machines and containers, each with process numbers of its own: a sibling
carries the host and the boot that its number belongs to.
"""

import glob
import os
import re
import socket
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")
"""Linux gives every boot an identity."""
DAY = 24 * 60 * 60
"""Seconds after whose last change a sibling of another host is taken for abandoned."""


def sibling(target: Path, purpose: str) -> Path:
    """The name of this process's sibling of `target`: `.NAME.PURPOSE-HOST-BOOT-PROCESS`."""
    return target.parent / f".{target.name}.{purpose}-{_here()}-{os.getpid()}"


def abandoned_siblings(target: Path, purpose: str) -> Iterator[Path]:
    """The siblings whose process has ended: here, or on another host a day ago."""
    for path in sorted(target.parent.glob(f"{glob.escape(f'.{target.name}.{purpose}-')}*")):
        where, _, process = path.name.removeprefix(f".{target.name}.{purpose}-").rpartition("-")
        if not _runs(process) if where == _here() else _last_change(path) < time.time() - DAY:
            yield path


@cache
def _here() -> str:
    host = re.sub(r"[^\w.]", "_", socket.gethostname())
    boot = BOOT.read_text().strip().replace("-", "")[:8] if BOOT.is_file() else ""
    return f"{host}-{boot}"


def _runs(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _last_change(path: Path) -> float:
    """The latest of the times of a file, or of a folder and all in it; now for what goes meanwhile."""
    try:
        return max(one.stat().st_mtime for one in (path, *path.rglob("*")))
    except OSError:
        return time.time()
