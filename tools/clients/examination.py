"""Runs a client and judges what it computes."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from environments import NotInstalledError, install, read_versions
from reference import data_of, difference
from table import Client, Head

HERE = Path(__file__).parent
TIMEOUT = 900
"""Seconds for one command."""


@dataclass(frozen=True)
class Row:
    """What came of a client; `lowest` is the lowest cosine of its embeddings."""

    client: Client
    verdict: str
    note: str
    difference: float | None = None
    lowest: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the client does what it should."""
        return self.verdict in ("OK", "measured")

    def cells(self) -> tuple[str, str, str, str]:
        """Verdict, difference, name and note, as they are shown."""
        shown = "" if self.difference is None else f"{self.difference:.1e}"
        measured = f"lowest cosine {self.lowest:.4f}; " if self.verdict == "measured" else ""
        return self.verdict, shown, self.client.name, measured + self.note


class ClientError(Exception):
    """A command failed; the message is what it complained about."""


@dataclass(frozen=True)
class Examiner:
    """Where things are: the published folder, the reference, environments, and a folder for the rest."""

    published: Path
    reference: Path
    environments: Path
    torch: str
    temporary: Path

    def examine(self, client: Client) -> Row:
        """Installs and runs a client."""
        data, output = self.temporary / "data.json", self.temporary / "output.json"
        data.write_text(json.dumps(data_of(client, self.reference)), encoding="utf-8")
        output.unlink(missing_ok=True)
        try:
            folder = self.publish(client.head) if client.head else self.published
            if not (folder / client.file).exists():
                raise ClientError(f"the folder has no {client.file}")
            place = install(client.environment, self.environments, self.torch) if client.environment else None
            self.run([*starting(client.snippet, place), folder, data, output, *client.arguments])
            far, lowest = difference(client, self.reference, json.loads(output.read_text()))
        except NotInstalledError as missing:
            return Row(client, "NOT RUN", str(missing))
        except ClientError as failure:
            return Row(client, "FAILS", str(failure))
        versions = ", ".join(" ".join(pair) for pair in read_versions(place, client.packages).items())
        return Row(client, judge(client.limit, far), versions, far, lowest)

    def publish(self, head: Head) -> Path:
        """Publishes the small checkpoint of a head, once."""
        folder = self.temporary / head.checkpoint.name
        if not folder.exists():
            program: list[str | Path] = [sys.executable, "-m", "bertferry", "publish"]
            self.run([*program, "--checkpoint", head.checkpoint, "--task", head.task, "--output", folder])
        return folder

    def run(self, command: list[str | Path]) -> None:
        """Runs a command; raises `ClientError` if it fails."""
        parts = [str(part) for part in command]
        environment = {**os.environ, "TMPDIR": str(self.temporary)}
        try:
            done = subprocess.run(parts, capture_output=True, text=True, env=environment, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            raise ClientError(f"not finished after {TIMEOUT} s") from None
        if done.returncode:
            raise ClientError(complaint(done.stderr) or f"exit code {done.returncode}")


def judge(limit: float | None, far: float) -> str:
    """The verdict on a difference; without a limit, it must be a number at least."""
    if limit is None:
        return "measured" if math.isfinite(far) else "FAILS"
    return "OK" if far <= limit else "FAILS"


def starting(snippet: str, place: Path | None) -> list[str | Path]:
    """How a snippet is started in an environment; None is the one that runs this."""
    path = HERE / "snippets" / snippet
    if path.suffix == ".mjs":
        # Node looks for packages beside the file, not in the working directory.
        for module in path.parent.glob("*.mjs"):
            shutil.copy(module, place)
        return ["node", place / snippet]
    # -E: no packages but those of the environment.
    return [place / "bin" / "python" if place else sys.executable, "-E", HERE / "call.py", snippet]


def complaint(printed: str) -> str:
    """The last line that names an error, else the last one."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return (errors or lines or [""])[-1][:300]
