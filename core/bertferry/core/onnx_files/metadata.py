"""Reads the metadata of an ONNX file without reading its weights."""

import io
from pathlib import Path
from typing import BinaryIO

from bertferry.core.onnx_files.wire import EIGHT_BYTES, FOUR_BYTES, LENGTH_DELIMITED, VARINT, read_varint

METADATA_FIELD = 14
"""`metadata_props` of ModelProto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto."""


def onnx_metadata(path: Path) -> dict[str, str]:
    """The `metadata_props` of a model; empty if the file is not a model, which its runner reports.

    The graph is skipped, so that the size of the file does not matter.
    """
    metadata: dict[str, str] = {}
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            while file.tell() < size:
                field, content = _read_field(file)
                if field == METADATA_FIELD:
                    key, value = _parse_entry(content)
                    metadata[key] = value
    except (OSError, ValueError):  # includes UnicodeDecodeError
        return {}
    return metadata


def _read_field(file: BinaryIO) -> tuple[int, bytes]:
    """Reads the next field: its number, and its content if it is metadata."""
    tag = read_varint(file)
    field, wire_type = tag >> 3, tag & 7
    if wire_type == VARINT:
        read_varint(file)
        return field, b""
    sizes = {EIGHT_BYTES: 8, FOUR_BYTES: 4}
    if wire_type not in (*sizes, LENGTH_DELIMITED):
        raise ValueError(f"wire type {wire_type}")
    length = sizes.get(wire_type) or read_varint(file)
    if field == METADATA_FIELD:
        return field, file.read(length)
    file.seek(length, 1)
    return field, b""


def _parse_entry(content: bytes) -> tuple[str, str]:
    """Key (field 1) and value (field 2) of a StringStringEntryProto."""
    parts = {1: "", 2: ""}
    file = io.BytesIO(content)
    while file.tell() < len(content):
        field = read_varint(file) >> 3
        parts[field] = file.read(read_varint(file)).decode("utf-8")
    return parts[1], parts[2]
