"""A warm process that releases models, one after another, as its parent tells it on stdin: a line of JSON a model.

It ends with its parent, in the middle of its work too: a thread waits for the end of stdin.
"""

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from bertferry.core.temporary import own_temporary_files

COMMAND = "from bertferry.export.release.worker import main; main()"
Release = Callable[[Mapping[str, Any]], dict[str, Any]]


def main(release: Release | None = None) -> None:
    """Releases the models that stdin describes; the results go to what was stdout.

    What libraries print to stdout goes to stderr.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the parent, which ends this process
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    with own_temporary_files():
        if release is None:
            release = release_order
        while order := orders.get():
            answers.write(json.dumps(release(json.loads(order))) + "\n")


def release_order(order: Mapping[str, Any]) -> dict[str, Any]:
    """Releases the model of an order."""
    from bertferry.export.release.unit import release_unit

    return release_unit(order["model"], order["address"], order["attempt"], order["mode"])


def _listen(orders: "queue.SimpleQueue[str]") -> None:
    """Passes on the lines of stdin. At its end, the parent is dead, or wants no more."""
    for line in sys.stdin:
        orders.put(line)
    os._exit(0)
