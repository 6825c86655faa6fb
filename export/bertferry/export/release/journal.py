"""What happens in a run, a line of JSON an event."""

import json
import os
import socket
import time
from datetime import UTC, datetime

from bertferry.export.release.names import RUNS
from bertferry.export.release.stores import Store


class Journal:
    """Appends events to `runs/TIME-HOST-PROCESS.jsonl`."""

    def __init__(self, store: Store) -> None:
        started = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self.name = f"{RUNS}/{started}-{socket.gethostname()}-{os.getpid()}.jsonl"
        self._file = store.appended(self.name)

    def write(self, event: str, **values: object) -> None:
        """Adds an event."""
        line = json.dumps({"time": round(time.time(), 3), "event": event, **values})
        self._file.write(line.encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        self._file.close()
