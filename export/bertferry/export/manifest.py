"""MANIFEST.json: what a module is, from what it was made, and what was proven."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bertferry.convert import Checkpoint
from bertferry.convert.configuration import bert_config
from bertferry.convert.report import versions
from bertferry.export.vocabulary import TextAssets
from bertferry.verify import Report

MANIFEST = "MANIFEST.json"


def write_manifest(
    directory: Path,
    source: Checkpoint,
    task: str,
    precision: str,
    assets: TextAssets | None,
    parity: Report | None,
    read: Mapping[str, str],
    written: Mapping[str, str],
) -> None:
    """Describes the module, without dates, durations or names of machines, to be reproducible."""
    manifest: dict[str, Any] = {
        "schema": "bertferry.module/1",
        "task": task,
        "precision": precision,
        "configuration": bert_config(source.config),
        "do_lower_case": assets.do_lower_case if assets else None,
        "source": {
            "layout": source.layout.name,
            "fresh_parameters": list(source.fresh),
            "files": read,
        },
        "versions": versions(),
        "files": written,
        "parity": None if parity is None else proven(parity),
    }
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def proven(parity: Report) -> dict[str, Any]:
    """The verdict of a comparison, and what it allowed."""
    tolerance = parity.tolerance
    return {
        "verdict": parity.verdict(),
        "profile": tolerance.name,
        "atol": tolerance.atol,
        "rtol": tolerance.rtol,
        "min_sqnr_db": tolerance.min_sqnr_db,
    }


def hashes(paths: Iterable[Path], root: Path | None = None) -> dict[str, str]:
    """The SHA-256 of each file, in hexadecimal, by its path below the root or by its name alone."""
    return {str(path.relative_to(root)) if root else path.name: _sha256(path) for path in paths}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
