"""The key of a model's release: what its bytes depend on."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bertferry.core.errors import DataError, UsageError
from bertferry.core.results import Schema
from bertferry.core.versions import installed_versions
from bertferry.export.manifest import hashes
from bertferry.export.release.inputs import input_files
from bertferry.export.release.model import FILES, Model

VERSIONS = ("bertferry", "numpy", "onnx", "onnxruntime", "tensorflow", "tf-keras", "tf2onnx", "ai-edge-litert")
SETTLED = 2.0
"""Seconds after which a file that changes again also has another time stamp, on any file system."""
Stamp = tuple[int, int, int]
"""Size, time of the last change, inode: another stamp is another content."""
Cache = dict[str, tuple[Stamp, str]]
"""The stamp and the SHA-256 of files, by path."""


def digest_inputs(model: Model, cache: Mapping[str, tuple[Stamp, str]]) -> tuple[dict[str, str], Cache]:
    """The SHA-256 of each file that reading a model may open, by name, and what a cache may keep of them.

    Raises:
      UsageError: a file is missing or cannot be read.
      DataError: it changes meanwhile.
    """
    digests, found = {}, Cache()
    files = {**input_files(Path(model.path)), **_stated_files(model)}
    for name, path in files.items():
        before, (known, digest) = stamp(path), cache.get(str(path), (None, ""))
        if known is None or tuple(known) != before:
            (digest,) = hashes([path]).values()
            if stamp(path) != before:
                raise DataError(f"{path}: it changed while it was read")
        digests[name] = digest
        if before[1] < (time.time() - SETTLED) * 1e9:
            found[str(path)] = (before, digest)
    return digests, found


def _stated_files(model: Model) -> dict[str, Path]:
    """The files that the options of a model name."""
    given = {name: getattr(model.source, name) for name in FILES}
    return {f"{name}:": Path(path) for name, path in given.items() if path is not None}


def stamp(path: Path) -> Stamp:
    """The size, the time of the last change and the inode of a file.

    Raises:
      UsageError: it is missing.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    return status.st_size, status.st_mtime_ns, status.st_ino


def settings(model: Model) -> dict[str, Any]:
    """The options of a model in plain values, without the paths of files, whose contents count."""
    source = {key: value for key, value in asdict(model.source).items() if key not in FILES}
    return {"options": asdict(model.options), "source": source}


def key_of(model: Model, digests: Mapping[str, str], versions: Mapping[str, str]) -> str:
    """The SHA-256 of what a release depends on: its schema, its name, options, files and installed versions."""
    parts = {
        "schema": Schema.RELEASE_RECEIPT,
        "name": model.name,
        "input": model.input,
        **settings(model),
        "files": dict(digests),
        "versions": dict(versions),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def release_versions() -> dict[str, str]:
    """The installed versions that the bytes of a release depend on."""
    return installed_versions(VERSIONS)
