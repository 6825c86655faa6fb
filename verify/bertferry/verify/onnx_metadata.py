"""What an ONNX file says about itself, without reading its weights."""

import io
from pathlib import Path
from typing import BinaryIO

METADATA_FIELD = 14
"""`metadata_props` of ModelProto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto."""
VARINT, EIGHT_BYTES, LENGTH_DELIMITED, FOUR_BYTES = 0, 1, 2, 5
"""Wire types: https://protobuf.dev/programming-guides/encoding/."""


def onnx_metadata(path: Path) -> dict[str, str]:
    """The `metadata_props` of a model; none where the file is no model: its runner will say so.

    The graph is skipped, so that a file of any size costs nothing.
    """
    found: dict[str, str] = {}
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            while file.tell() < size:
                field, content = _next_field(file)
                if field == METADATA_FIELD:
                    key, value = _entry(content)
                    found[key] = value
    except (OSError, ValueError):  # UnicodeDecodeError is one
        return {}
    return found


def _next_field(file: BinaryIO) -> tuple[int, bytes]:
    """Number and content of the next field, the latter read only where it is metadata."""
    tag = _varint(file)
    field, kind = tag >> 3, tag & 7
    if kind == VARINT:
        _varint(file)
        return field, b""
    sizes = {EIGHT_BYTES: 8, FOUR_BYTES: 4}
    if kind not in (*sizes, LENGTH_DELIMITED):
        raise ValueError(f"wire type {kind}")
    length = sizes.get(kind) or _varint(file)
    if field == METADATA_FIELD:
        return field, file.read(length)
    file.seek(length, 1)
    return field, b""


def _varint(file: BinaryIO) -> int:
    value = shift = 0
    while True:
        byte = file.read(1)
        if not byte or shift > 63:
            raise ValueError("not a varint")
        value |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return value


def _entry(content: bytes) -> tuple[str, str]:
    """Key (field 1) and value (field 2) of a StringStringEntryProto."""
    parts = {1: "", 2: ""}
    file = io.BytesIO(content)
    while file.tell() < len(content):
        field = _varint(file) >> 3
        parts[field] = file.read(_varint(file)).decode("utf-8")
    return parts[1], parts[2]
