"""Memory: what there is, what a model needs, what this process has used."""

import os
import resource
from contextlib import suppress
from pathlib import Path

from bertferry.convert.archive import is_archive
from bertferry.convert.weight_files import FORMAT_OF_SUFFIX
from bertferry.core.errors import BertferryError
from bertferry.export.release.inputs import input_files, is_address
from bertferry.export.release.model import Model
from bertferry.export.release.remote import input_objects

CGROUP = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""The limit of a container, in the two versions of Linux's control groups."""
SHARE = 0.8
"""Of the machine's memory, what workers may use together."""
BASE, TENSORFLOW, PER_BYTE = 0.25e9, 0.8e9, 3.8
"""Bytes that a process needs, what a Hub module or a LiteRT file adds, and bytes a byte of weights."""


def available_memory() -> int:
    """Bytes that workers may use together: a share of the container's or the machine's memory."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in CGROUP:
        with suppress(OSError, ValueError):
            limits.append(int(Path(file).read_text()))
    return int(SHARE * min(limits))


def estimated_memory(model: Model) -> int:
    """Bytes that releasing a model needs, by the size of its weights; 0 of an input that cannot be looked at."""
    if is_address(model.path):
        weights = sum(
            stamp[0] for name, (_, stamp) in input_objects(model.path).items() if _holds_weights(Path(name))
        )
        return _needed(model, weights)
    try:
        files = input_files(Path(model.path)).values()
        weights = sum(path.stat().st_size for path in files if _holds_weights(path))
    except (OSError, BertferryError):
        return int(BASE)
    return _needed(model, weights)


def _needed(model: Model, weights: int) -> int:
    through_tensorflow = model.options.hub or model.options.litert
    return int(BASE + TENSORFLOW * bool(through_tensorflow) + PER_BYTE * weights)


def _holds_weights(path: Path) -> bool:
    return path.suffix in FORMAT_OF_SUFFIX or ".data-" in path.name or is_archive(path)


def forget_peak() -> None:
    """Has Linux count the peak of this process anew; elsewhere it is that of its whole life."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """Bytes of resident memory that this process has used at most."""
    return _status("VmHWM:") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def resident_memory() -> int:
    """Bytes of resident memory that this process uses now, 0 where nobody knows."""
    return _status("VmRSS:")


def _status(name: str) -> int:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0
