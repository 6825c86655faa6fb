"""Reads the tensors of a checkpoint, each verified against its CRC-32C in the index."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from bertferry.convert.bundle.checksum import crc32c
from bertferry.convert.bundle.data_files import MISMATCH, data_path, verify
from bertferry.convert.bundle.entry import STRINGS, VARIANTS, Entry, Slice, parse_entry
from bertferry.convert.bundle.messages import HeaderMessage
from bertferry.convert.bundle.slices import are_rows, check_parts, join, slice_key
from bertferry.convert.bundle.strings import check_variants, decode_strings
from bertferry.convert.bundle.table import read_table
from bertferry.convert.chunks import bytes_of, check_range, map_bytes, read_bytes, read_chunks
from bertferry.core.errors import DataError, first_line

LITTLE_ENDIAN = 0
VERSION = 1
"""Of the format; files state the lowest version that a reader must support."""


class BundleReader:
    """The checkpoint with a prefix. Its index is read once, on opening; tensors are read on demand."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        index = Path(f"{prefix}.index")
        try:
            table = read_table(index)
            self._shards = _shard_count(table.pop(b"", b""))
            entries = {key: parse_entry(value) for key, value in table.items()}
            self.entries = {key.decode(): entry for key, entry in entries.items() if not key.startswith(b"\0")}
        except (ValueError, DecodeError, OSError) as error:
            raise DataError(f"{index}: not a readable checkpoint index: {first_line(error)}") from error
        self._parts = {key: entry for key, entry in entries.items() if key.startswith(b"\0")}

    def read(self, name: str) -> np.ndarray:
        """The tensor; a string tensor as an array of `bytes`.

        Raises:
          DataError: its bytes are damaged or missing.
        """
        with self._name_damage(name):
            return self._read_whole(name)

    def chunks(self, name: str) -> Iterator[memoryview]:
        """Yields the bytes of a numeric tensor in order, in chunks that are valid until the next one is requested.

        Raises:
          DataError: they are damaged, which is detected after the last chunk, or missing, or not numeric.
        """
        entry = self.entries[name]
        with self._name_damage(name):
            if not entry.slices:
                yield from self._chunks(entry)
                return
            parts = self._parts_of(name)
            if are_rows(entry):
                for place in sorted(parts):
                    yield from self._chunks(parts[place])
            else:
                yield bytes_of(self._read_whole(name))

    def check(self, name: str) -> None:
        """Reads a tensor of any type to verify its checksum.

        Raises:
          DataError: its bytes are damaged or missing.
        """
        entry = self.entries[name]
        with self._name_damage(name):
            if entry.slices or entry.dtype == STRINGS:
                self._read_whole(name)
            elif entry.dtype == VARIANTS:
                check_variants(self._bytes(entry), entry.shape, entry.crc)
            else:
                deque(verify(self._stored_chunks(entry), entry.crc), maxlen=0)

    def _read_whole(self, name: str) -> np.ndarray:
        entry = self.entries[name]
        if not entry.slices:
            return self._read(entry)
        parts = self._parts_of(name)
        return join(entry, ((place, self._read(part)) for place, part in parts.items()))

    def _parts_of(self, name: str) -> dict[Slice, Entry]:
        """The parts of a tensor that is stored in several, after checking that they fit and are not truncated."""
        entry = self.entries[name]
        parts = {}
        for place in entry.slices:
            part = self._parts.get(slice_key(name, place))
            if part is None:
                raise ValueError("one of its parts is not in the index")
            check_range(self._path(part), part.offset, part.size)
            parts[place] = part
        check_parts(entry, parts)
        return parts

    def _read(self, entry: Entry) -> np.ndarray:
        if entry.dtype == STRINGS:
            return decode_strings(self._bytes(entry), entry.shape, entry.crc)
        self._check_size(entry)
        content = map_bytes(self._path(entry), entry.offset, entry.size)
        if crc32c(content.data) != entry.crc:
            raise ValueError(MISMATCH)
        return content.view(entry.dtype).reshape(entry.shape)

    def _chunks(self, entry: Entry) -> Iterator[memoryview]:
        self._check_size(entry)
        return verify(self._stored_chunks(entry), entry.crc)

    def _check_size(self, entry: Entry) -> None:
        if entry.size != entry.stored_size:
            raise ValueError(f"it has {entry.size} bytes, but its shape requires {entry.stored_size}")

    def _stored_chunks(self, entry: Entry) -> Iterator[memoryview]:
        return read_chunks(self._path(entry), entry.offset, entry.size)

    def _bytes(self, entry: Entry) -> bytes:
        return read_bytes(self._path(entry), entry.offset, entry.size).tobytes()

    def _path(self, entry: Entry) -> Path:
        if entry.shard >= self._shards:
            raise ValueError(f"it is in data file {entry.shard}, but the checkpoint has only {self._shards}")
        return data_path(self._prefix, entry.shard, self._shards)

    @contextmanager
    def _name_damage(self, name: str) -> Iterator[None]:
        try:
            yield
        except (ValueError, OSError) as error:
            raise DataError(f"{self._prefix}: tensor {name} is damaged: {first_line(error)}") from error


def _shard_count(serialized: bytes) -> int:
    """The number of data files according to the header.

    Raises:
      ValueError: the file requires another reader.
    """
    if not serialized:
        raise ValueError("it has no header")
    header = HeaderMessage.FromString(serialized)
    if header.endianness != LITTLE_ENDIAN:
        raise ValueError("it was written on a big-endian machine: save it again on a little-endian one")
    if header.version.min_consumer > VERSION:
        raise ValueError(f"it requires a reader of version {header.version.min_consumer}")
    return int(header.num_shards)
