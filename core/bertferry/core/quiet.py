"""Holds back what other libraries write to stderr while a program of this project runs.

TensorFlow and others write to file descriptor 2 regardless of their log levels. The descriptor belongs to the
process: only programs redirect it, the library never touches it.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from bertferry.core.errors import BertferryError

KEEPER = "import os, sys; os.write(2, sys.stdin.buffer.read())"
"""Reads a pipe until the program closes it or dies, and writes out everything that it read."""
REPORTED_ELSEWHERE = (BertferryError, BrokenPipeError, KeyboardInterrupt, SystemExit)
"""Exceptions that end a program without being a crash."""

_own: list[TextIO] = []


def own_stderr() -> TextIO:
    """The stream for a program's own messages while everything else on stderr is held back."""
    return _own[-1] if _own else sys.stderr


@contextmanager
def hold_back_stderr() -> Iterator[None]:
    """Holds back what is written to file descriptor 2, and shows it only if the body crashes.

    A second, small process keeps it: when native code aborts, this one has no chance to show anything.
    """
    sys.stderr.flush()
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", KEEPER],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # a terminal's Ctrl-C must not reach it
    )
    assert keeper.stdin is not None
    own = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors="replace", buffering=1)
    os.dup2(keeper.stdin.fileno(), 2)
    _own.append(own)
    crashed = True
    try:
        yield
        crashed = False
    except REPORTED_ELSEWHERE:
        crashed = False
        raise
    finally:
        _own.pop()
        sys.stderr.flush()
        os.dup2(own.fileno(), 2)
        own.close()
        if not crashed:
            keeper.kill()  # other processes of the program may hold the pipe open for as long as it lives
        keeper.communicate()
