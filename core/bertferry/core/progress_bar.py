"""Shows on stderr how the work of a command goes on: a bar on a terminal, lines elsewhere."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

BAR_AFTER, LINE_AFTER = 1.0, 5.0
"""Seconds until the bar appears, and between the lines where there is no terminal."""
TICK, REDRAWN_AFTER = 0.5, 0.1
"""Seconds between updates of the time, and least between those of the bar."""
DISABLED = "TQDM_DISABLE"
"""The variable that turns progress bars off, as in everything that uses tqdm."""
WIDTH = 80
"""Columns of a terminal that does not say how many it has."""
COUNTS = {
    "bytes": "{n_fmt}/{total_fmt}B, {rate_noinv_fmt}, {remaining} left",
    "probes": "{n:.0f}/{total:.0f} probes, {rate_noinv_fmt}, {remaining} left",
    "batches": "{n:.0f}/{total:.0f} batches, {rate_noinv_fmt}, {remaining} left",
    "steps": "{elapsed}",
}
"""What is said of the work by what it counts; steps are not alike, so that their rate means nothing."""
UNITS = {"bytes": "B", "probes": " probes", "batches": " batches", "steps": " steps"}


class Progress:
    """Shows the progress of one command; nothing that takes less than a second shows any.

    On a terminal, one line is drawn again and again, and removed at the end. Elsewhere, or if the terminal is
    `dumb`, there is a line every few seconds, for logs, pipes and notebooks. If nobody reads stderr any more,
    nothing is shown and the work goes on. With `TQDM_DISABLE=1`, nothing is shown either. No color is used.
    """

    def __init__(self, command: str, stream: Callable[[], TextIO], *, quiet: bool = False) -> None:
        self._command, self._stream = command, stream
        self._quiet = quiet or os.environ.get(DISABLED, "") not in ("", "0")
        self._unit = "steps"
        self._step: tuple[str, float, float] = ("starting", 0, 1)
        self._started = self._shown = time.monotonic()
        self._begun: float | None = None
        self._done_before = 0.0
        self._drawn = False
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._clock = threading.Thread(target=self._tick, daemon=True)

    def counting(self, unit: str) -> "Progress":
        """The same, of work that counts `bytes`, `probes`, `batches`, or steps that are not alike (`steps`).

        Work that counts something else may follow: time and rate begin anew.
        """
        self._unit, self._begun = unit, None
        return self

    def __enter__(self) -> "Progress":
        if not self._quiet:
            self._clock.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        if self._clock.is_alive():
            self._clock.join()
        with self._lock:
            self._clear()

    def __call__(self, what: str, done: float, total: float) -> None:
        """Shows what is being done now, how much is done and how much there is to do."""
        with self._lock:
            if self._begun is None:
                self._begun, self._done_before = time.monotonic(), done
            self._step = what, done, total
            self._show(REDRAWN_AFTER)

    def print(self, line: str) -> None:
        """Prints a line of the command's output; the bar makes room for it and comes back."""
        with self._lock:
            self._clear()
            print(line, flush=True)

    def _clear(self) -> None:
        """Removes the bar."""
        if self._drawn:
            self._write("\r" + " " * _columns(self._stream()) + "\r")
            self._drawn = False

    def _tick(self) -> None:
        """Lets the time go on while a step takes long."""
        while not self._ended.wait(TICK):
            with self._lock:
                self._show(TICK)

    def _show(self, redrawn_after: float) -> None:
        now = time.monotonic()
        if self._quiet or self._ended.is_set():
            return
        try:
            bar = _is_terminal(self._stream())
        except ValueError:  # it has been closed
            self._quiet = True
            return
        since = now - self._shown
        if bar and now - self._started > BAR_AFTER and (since > redrawn_after or not self._drawn):
            columns = _columns(self._stream())
            self._drawn = True
            self._write("\r" + _fit(self._text(now, bar=True), columns))
        elif not bar and since > LINE_AFTER:
            self._write(self._text(now, bar=False) + "\n")
        else:
            return
        self._shown = now

    def _text(self, now: float, *, bar: bool) -> str:
        """One line about the current step, whose name comes last, where a narrow terminal cuts it off."""
        from tqdm import tqdm  # which takes as long to import as `--help` may

        what, done, total = self._step
        printable = "".join(letter if letter.isprintable() else "?" for letter in what)
        command = "" if bar else f"{self._command}: "
        if self._begun is None:
            return f"{command}{printable}, {tqdm.format_interval(now - self._started)}"
        encoding = (self._stream().encoding or "").lower()
        percentage = "{percentage:3.0f}%|{bar:10}| " if bar else "{percentage:.0f}%, "
        meter = tqdm.format_meter(
            min(done, total) if total else 0,
            total or 1,
            now - self._begun,
            initial=self._done_before,
            ascii=not encoding.startswith("utf"),
            unit=UNITS[self._unit],
            unit_scale=self._unit == "bytes",
            bar_format=percentage + COUNTS[self._unit],
        )
        return f"{command}{meter}: {printable}"

    def _write(self, text: str) -> None:
        stream = self._stream()
        try:
            stream.write(text)
            stream.flush()
        except (OSError, ValueError):  # nobody reads it any more
            self._quiet = True
            with suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())  # what is left in the buffer must not fail at the end


def _is_terminal(stream: TextIO) -> bool:
    """Whether a line can be drawn again there."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _columns(stream: TextIO) -> int:
    """The columns of a terminal that can be written to without beginning a new line."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return (columns or WIDTH) - 1


def _fit(text: str, columns: int) -> str:
    """The text in exactly as many columns, cut off or filled up."""
    from tqdm.utils import disp_len, disp_trim

    short: str = disp_trim(text, columns)
    return short + " " * (columns - int(disp_len(short)))
