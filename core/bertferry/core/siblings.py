"""Names of the temporary siblings of an output, and whether the process that made one may still be running.

Many hosts and containers write to a shared disk, each with its own process IDs: the name of a sibling includes
the host, its boot and the container's numbering that the ID belongs to, and when the process began, as IDs are
used again.
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
TEMPORARY = re.compile(r"\.(.+)\.(?:tmp|old)-[\w.]*-[\w.]*-[\d.]+$")
"""The name of a sibling, and in it that of its output."""
UNKNOWN = "0"
DEAD = ("Z", "X")
"""States of processes that have ended and for which nobody has asked yet."""
DAY = 24 * 60 * 60
"""Seconds without a change after which a sibling from another host is considered abandoned."""


def sibling(target: Path, purpose: str) -> Path:
    """The name of this process's sibling of `target`: `.NAME.PURPOSE-HOST-BOOT-PROCESS.START`."""
    _, start = _state_and_start(os.getpid())
    return target.parent / f".{target.name}.{purpose}-{_host_and_boot()}-{os.getpid()}.{start}"


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
    """Whether a process is running that has this ID and start."""
    number, _, start = process.partition(".")
    try:
        os.kill(int(number), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    state, actual = _state_and_start(int(number))
    return state not in DEAD and (UNKNOWN in (start, actual) or start in ("", actual))


def _state_and_start(process: int) -> tuple[str, str]:
    """The state of a process, and when it began in ticks since the boot; '' and `UNKNOWN` where nobody knows.

    Format: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", UNKNOWN
    return fields[0], fields[19]


def _last_change(path: Path) -> float:
    """When a file, or anything in a folder, last changed; now if it disappears meanwhile."""
    try:
        return max(entry.stat().st_mtime for entry in (path, *path.rglob("*")))
    except OSError:
        return time.time()
