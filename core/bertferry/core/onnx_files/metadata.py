"""Reads the metadata of an ONNX file without reading its weights."""

import io
from pathlib import Path

from bertferry.core.onnx_files.wire import read_fields

METADATA_FIELD = 14
"""`metadata_props` of ModelProto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto."""


def onnx_metadata(path: Path) -> dict[str, str]:
    """The `metadata_props` of a model; empty if the file is not a model, which its runner reports."""
    try:
        with path.open("rb") as file:
            fields = read_fields(file, 0, path.stat().st_size)
            return dict(_parse_entry(field.read(file)) for field in fields if field.number == METADATA_FIELD)
    except (OSError, ValueError):  # includes UnicodeDecodeError
        return {}


def _parse_entry(content: bytes) -> tuple[str, str]:
    """Key (field 1) and value (field 2) of a StringStringEntryProto."""
    parts = {1: "", 2: ""}
    file = io.BytesIO(content)
    for field in read_fields(file, 0, len(content)):
        parts[field.number] = field.read(file).decode("utf-8")
    return parts[1], parts[2]
