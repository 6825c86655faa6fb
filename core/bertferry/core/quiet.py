"""What other libraries write to stderr while a program of this project runs.

TensorFlow and its like write to file descriptor 2 whatever their log levels are. The descriptor belongs to the
process: programs hold it back here, and the library never touches it.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from bertferry.core.errors import BertferryError

ENDED_WELL = b"\0"
KEEPER = f"import os, sys; held = sys.stdin.buffer.read(); held.endswith({ENDED_WELL!r}) or os.write(2, held)"
"""Reads a pipe to its end, which comes when the program closes it or dies, and writes it all after a crash."""
SAID_ELSEWHERE = (BertferryError, BrokenPipeError, KeyboardInterrupt, SystemExit)
"""What ends a program without being a crash."""

_own: list[TextIO] = []


def own_stderr() -> TextIO:
    """Where a program speaks to its user while everything else on stderr is held back."""
    return _own[-1] if _own else sys.stderr


@contextmanager
def held_back_stderr() -> Iterator[None]:
    """Holds back what is written to file descriptor 2, and shows it after all when the body crashes.

    A second, small process keeps it: native code that aborts leaves this one no time to show anything.
    """
    sys.stderr.flush()
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", KEEPER],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # a terminal's Ctrl-C is not meant for it
    )
    assert keeper.stdin is not None
    own = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors="replace", buffering=1)
    os.dup2(keeper.stdin.fileno(), 2)
    _own.append(own)
    crashed = True
    try:
        yield
        crashed = False
    except SAID_ELSEWHERE:
        crashed = False
        raise
    finally:
        _own.pop()
        sys.stderr.flush()
        os.dup2(own.fileno(), 2)
        own.close()
        keeper.communicate(b"" if crashed else ENDED_WELL)
