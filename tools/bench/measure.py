"""Shared by the benchmarks: runs a command in a separate process and measures wall time and peak memory."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """Wall time in seconds, peak resident memory in GB, and the last line of stdout."""

    wall: float
    peak: float
    last_line: str


def run(command: Sequence[str | Path], **environment: str) -> Run:
    """Runs a command to completion; if it fails, the benchmark exits with its stderr."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        )
        assert process.stdout
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)  # reports resource usage, which communicate() does not
        wall = time.perf_counter() - started
        if status:
            errors.seek(0)
            sys.exit(f"{' '.join(map(str, command))} failed:\n{errors.read()}")
    return Run(wall, usage.ru_maxrss / 1e6, out.strip().splitlines()[-1] if out.strip() else "")


def median(values: Sequence[float]) -> str:
    """The median and the range: `2.31 (2.20-2.58)`."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"
