"""Writes a checkpoint tensor by tensor, in one data file, as TensorFlow's own writer does."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from bertferry.convert.bundle.checksum import crc32c
from bertferry.convert.bundle.data_files import data_path
from bertferry.convert.bundle.entry import STRINGS, Entry, serialize_entry
from bertferry.convert.bundle.messages import HeaderMessage
from bertferry.convert.bundle.strings import encode_strings
from bertferry.convert.bundle.table_writer import write_table

HEADER = HeaderMessage(num_shards=1, version={"producer": 1})


class BundleWriter:
    """A checkpoint with a prefix, written inside a `with` statement; without errors there, it is complete on exit.

    The data file contains the tensors in the order in which they are added.
    """

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        self._index: dict[bytes, bytes] = {b"": HEADER.SerializeToString()}
        self._offset = 0

    def __enter__(self) -> Self:
        self._data = data_path(self._prefix, 0, 1).open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._data.close()
        if kind is None:
            write_table(Path(f"{self._prefix}.index"), self._index)

    def add(self, name: str, dtype: str, shape: tuple[int, ...], pieces: Iterable[bytes | memoryview]) -> int:
        """Adds a numeric tensor, with its bytes in pieces, and returns their CRC-32C; `dtype` is NumPy's name."""
        start, crc = self._offset, 0
        for piece in pieces:
            crc = crc32c(piece, crc)
            self._data.write(piece)
            self._offset += len(piece)
        entry = Entry(dtype, shape, 0, start, self._offset - start, crc)
        if entry.size != entry.stored_size:
            raise ValueError(f"{name}: {entry.size} bytes, but {dtype} {shape} requires {entry.stored_size}")
        self._index[name.encode()] = serialize_entry(entry)
        return crc

    def add_strings(self, name: str, shape: tuple[int, ...], strings: Iterable[bytes]) -> None:
        """Adds a string tensor."""
        stored, crc = encode_strings(strings)
        self._data.write(stored)
        self._index[name.encode()] = serialize_entry(Entry(STRINGS, shape, 0, self._offset, len(stored), crc))
        self._offset += len(stored)
