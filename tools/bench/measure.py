"""Shared by the benchmarks: runs a command in a separate process and measures its time and peak memory."""

import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PARTS = ("core", "modeling", "convert", "verify", "export")


@dataclass(frozen=True)
class Run:
    """Wall time and processor time in seconds, peak resident memory in GB, and the last line of stdout.

    `private_peak` is the memory without mapped files, as sampled by Linux; 0 on other systems.
    """

    wall: float
    processor: float
    peak: float
    private_peak: float
    last_line: str


class Sampler(threading.Thread):
    """Samples the memory of a process without mapped files until it ends."""

    def __init__(self, process: int) -> None:
        super().__init__()
        self._status = Path(f"/proc/{process}/status")
        self.peak = 0.0

    def run(self) -> None:
        """Samples; threading calls it."""
        while kilobytes := self._sample():
            self.peak = max(self.peak, kilobytes * 1024 / 1e9)
            time.sleep(0.005)

    def _sample(self) -> int:
        """The sample in kilobytes; 0 if the process has ended."""
        with suppress(OSError):
            for line in self._status.read_text().splitlines():
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
        return 0


def run(command: Sequence[str | Path], **environment: str) -> Run:
    """Runs a command to completion; if it fails, the benchmark exits with its stderr."""
    compile_sources()
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
        sampler = Sampler(process.pid)
        sampler.start()
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)  # reports resource usage, which communicate() does not
        wall = time.perf_counter() - started
        sampler.join()
        if status:
            errors.seek(0)
            sys.exit(f"{' '.join(map(str, command))} failed:\n{errors.read()}")
    processor = usage.ru_utime + usage.ru_stime
    return Run(
        wall, processor, usage.ru_maxrss / 1e6, sampler.peak, out.strip().splitlines()[-1] if out.strip() else ""
    )


@cache
def compile_sources() -> None:
    """Writes the bytecode of the packages, as pip does where it installs them: else each run may compile them."""
    for part in PARTS:
        compileall.compile_dir(ROOT / part, quiet=2)


def median(values: Sequence[float]) -> str:
    """The median and the range: `2.31 (2.20-2.58)`."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"
