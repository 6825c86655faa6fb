"""What files of LiteRT (`.tflite`) have before and after their graph, which they keep in a FlatBuffer.

Files that belong to a graph are in a zip archive at its end, where LiteRT does not look:
https://ai.google.dev/edge/litert/models/metadata.
"""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SUFFIX = ".tflite"
IDENTIFIER = b"TFL3"
"""Bytes 4 to 7 of every file: https://flatbuffers.dev/schema/#file-identification-and-extension."""
NOTES = "bertferry.json"
"""What this project notes in the files that it writes."""
LARGEST = 2**20
"""Size of the notes in bytes, above which they are none."""
WRITTEN = (1980, 1, 1, 0, 0, 0)
"""The time of the notes: equal files have equal bytes."""


def is_litert(path: Path) -> bool:
    """Whether a file is one of LiteRT, by its bytes."""
    try:
        with path.open("rb") as file:
            return file.read(8)[4:] == IDENTIFIER
    except OSError:
        return False


def append_notes(path: Path, notes: Mapping[str, Any]) -> None:
    """Appends notes to a file that has none."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo(NOTES, WRITTEN), json.dumps(notes, sort_keys=True))


def read_notes(path: Path) -> dict[str, Any]:
    """The notes in a file; none for those of others.

    Raises:
      ValueError: damaged notes.
    """
    if not zipfile.is_zipfile(path):
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            if NOTES not in archive.namelist():
                return {}
            if archive.getinfo(NOTES).file_size > LARGEST:
                raise ValueError("too large")
            notes = json.loads(archive.read(NOTES))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise ValueError(str(error)) from error
    if not isinstance(notes, dict):
        raise ValueError("not an object")
    return notes
