"""What lies in the output of a family: receipts, failures, measurements."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bertferry.core.errors import UsageError
from bertferry.core.results import Result, Schema

RECEIPT = "receipt.json"


@dataclass(frozen=True)
class ReleasedPart:
    """A compared part: its path, size, verdict, and the largest difference with the output that has it."""

    path: str
    total_bytes: int
    verdict: str
    difference: float | None = None
    output: str = ""


@dataclass(frozen=True)
class Receipt(Result):
    """A released model; it is written last, and holds nothing that differs between hosts.

    `key` says what its bytes depend on, `inputs` the SHA-256 of the files read, `files` the size and the SHA-256
    of those written.
    """

    SCHEMA = Schema.RELEASE_RECEIPT

    name: str
    key: str
    input: str
    source_layout: str
    task: str
    parameters: int
    total_bytes: int
    parts: tuple[ReleasedPart, ...]
    settings: dict[str, Any]
    inputs: Mapping[str, str]
    files: Mapping[str, tuple[int, str]]
    versions: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def worst(self) -> ReleasedPart | None:
        """The part with the largest difference."""
        measured = [part for part in self.parts if part.difference is not None]
        return max(measured, key=lambda part: _order(part.difference), default=None)


def _order(difference: float | None) -> float:
    """Not a number is worse than any."""
    return math.inf if difference is None or math.isnan(difference) else difference


@dataclass(frozen=True)
class Failure(Result):
    """A model that could not be released: `failed`, by an error in its input, or `died`, with its process.

    `key` is that of what failed, "" if the input could not even be read.
    """

    SCHEMA = Schema.RELEASE_FAILURE

    name: str
    key: str
    input: str
    state: str
    error: str
    attempts: int
    trace: str = ""


@dataclass(frozen=True)
class Measurement(Result):
    """What a release took on the host that did it: seconds of wall and processor time, peak memory in bytes."""

    SCHEMA = Schema.RELEASE_MEASUREMENT

    name: str
    seconds: float
    processor: float
    peak: int
    attempts: int


T = TypeVar("T", bound=Result)


def parse_result(kind: type[T], content: bytes | None, path: str | Path) -> T | None:
    """The result in a file's content; None without one, or if it is damaged: it is then as if it were missing."""
    if content is None:
        return None
    try:
        return kind.from_dict(json.loads(content), path)
    except (ValueError, RecursionError, UsageError):
        return None
