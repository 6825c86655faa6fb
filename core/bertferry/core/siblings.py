"""Names of the temporary siblings of an output, and whether the process that made one may still be running.

Many hosts and containers write to a shared disk, each with its own process IDs: the name of a sibling includes
the host, its boot and the container's numbering that the ID belongs to.
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
"""Linux assigns an ID to every boot."""
NUMBERING = Path("/proc/self/ns/pid")
"""Names the set of process IDs that a container has for itself, even where it shares the name of its host."""
TEMPORARY = re.compile(r"\.(.+)\.(?:tmp|old)-[\w.]*-[\w.]*-\d+$")
"""The name of a sibling, and in it that of its output."""
DAY = 24 * 60 * 60
"""Seconds without a change after which a sibling from another host is considered abandoned."""


def sibling(target: Path, purpose: str) -> Path:
    """The name of this process's sibling of `target`: `.NAME.PURPOSE-HOST-BOOT-PROCESS`."""
    return target.parent / f".{target.name}.{purpose}-{_host_and_boot()}-{os.getpid()}"


def abandoned_siblings(target: Path, purpose: str) -> Iterator[Path]:
    """The siblings whose process has ended: on this host, or on another, unchanged for a day."""
    for path in sorted(target.parent.glob(f"{glob.escape(f'.{target.name}.{purpose}-')}*")):
        host, _, process = path.name.removeprefix(f".{target.name}.{purpose}-").rpartition("-")
        if not _is_running(process) if host == _host_and_boot() else _last_change(path) < time.time() - DAY:
            yield path


@cache
def _host_and_boot() -> str:
    host = re.sub(r"[^\w.]", "_", socket.gethostname())
    boot = BOOT.read_text().strip().replace("-", "")[:8] if BOOT.is_file() else ""
    numbering = re.sub(r"\D", "", os.readlink(NUMBERING)) if NUMBERING.is_symlink() else ""
    return f"{host}-{boot}.{numbering}"


def _is_running(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _last_change(path: Path) -> float:
    """When a file, or anything in a folder, last changed; now if it disappears meanwhile."""
    try:
        return max(entry.stat().st_mtime for entry in (path, *path.rglob("*")))
    except OSError:
        return time.time()
