"""MANIFEST.json: the description of an exported module, stored with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bertferry.core.results import Result, Schema, read_json

MANIFEST = "MANIFEST.json"
MODULE_PRECISIONS = ("fp32", "fp16", "bf16")
"""The precisions in which a module's weights can be stored."""
FIRST_SCHEMA = "bertferry.module/1"
"""That of the manifests that version 0.1.0 wrote."""


@dataclass(frozen=True)
class ModuleSource:
    """The source of a module: its layout, the parameters that it lacked, the SHA-256 of its files by name."""

    layout: str
    fresh_parameters: tuple[str, ...]
    files: Mapping[str, str]


@dataclass(frozen=True)
class Proof:
    """The verdict of the comparison with the source, and the tolerance that it allowed."""

    verdict: str
    profile: str
    atol: float
    rtol: float
    min_sqnr_db: float | None


@dataclass(frozen=True)
class Manifest(Result):
    """What a module is, what it was exported from, and what was verified about it.

    It contains no dates, durations or host names, so that the same export gives the same bytes. `configuration`
    has the keys of a `bert_config.json`, `sentence` says how a text embedding is computed from an encoder's
    outputs, `files` has the SHA-256 of every other file of the module.
    """

    SCHEMA = Schema.MODULE

    task: str
    precision: str
    configuration: Mapping[str, Any]
    do_lower_case: bool | None
    sentence: Mapping[str, Any] | None
    source: ModuleSource
    versions: Mapping[str, str]
    files: Mapping[str, str]
    parity: Proof | None

    def __post_init__(self) -> None:
        if self.precision not in MODULE_PRECISIONS:
            raise ValueError(f"precision is {self.precision!r}: expected one of {', '.join(MODULE_PRECISIONS)}")

    @classmethod
    def from_dict(cls, values: object, path: str | Path) -> Self:
        """The inverse of `to_dict`; manifests of version 0.1.0 are read, too."""
        if isinstance(values, dict) and values.get("schema") == FIRST_SCHEMA:
            values = _from_first(values)
        return super().from_dict(values, path)

    def write(self, directory: Path) -> None:
        """Writes it into its module's directory."""
        (directory / MANIFEST).write_text(self.to_json())


def read_manifest(directory: Path) -> Manifest | None:
    """The manifest in a module's directory; None if there is none, or if it belongs to another project.

    Raises:
      UsageError: it is damaged.
    """
    path = directory / MANIFEST
    values = read_json(path) if path.is_file() else None
    return Manifest.from_dict(values, path) if is_manifest(values) else None


def is_manifest(values: object) -> bool:
    """Whether a JSON value is a manifest of this project, of whatever version."""
    return isinstance(values, dict) and str(values.get("schema")).startswith("bertferry.module/")


def _from_first(values: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest of `FIRST_SCHEMA` with the keys of today.

    Version 0.1.0 wrote modules in fp32 alone, of their source the layout, and of the comparison a sentence without
    its tolerances, which says nothing that can be judged. Commits before 0.2.0 have today's keys
    under this number.
    """
    added = {"precision": "fp32", "sentence": None, **values, "schema": Schema.MODULE.value}
    if "source_layout" in values:
        added["source"] = {"layout": added.pop("source_layout"), "fresh_parameters": [], "files": {}}
        added["parity"] = None
    return added
