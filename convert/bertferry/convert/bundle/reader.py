"""Reads the tensors of a checkpoint, each verified against its CRC-32C in the index."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from bertferry.convert.bundle.data_files import data_path, gather, read_chunks, verify
from bertferry.convert.bundle.entry import STRINGS, Entry, Slice, parse_entry
from bertferry.convert.bundle.messages import HeaderMessage
from bertferry.convert.bundle.slices import join, slice_key
from bertferry.convert.bundle.strings import decode_strings
from bertferry.convert.bundle.table import read_table
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
            if entry.slices:
                yield self._read_whole(name).reshape(-1).view(np.uint8).data
            else:
                yield from self._chunks(entry)

    def check(self, name: str) -> None:
        """Reads a tensor of any type to verify its checksum.

        Raises:
          DataError: its bytes are damaged or missing.
        """
        entry = self.entries[name]
        with self._name_damage(name):
            if entry.slices or entry.dtype == STRINGS:
                self._read_whole(name)
            else:
                deque(verify(read_chunks(self._path(entry), entry), entry.crc), maxlen=0)

    def _read_whole(self, name: str) -> np.ndarray:
        entry = self.entries[name]
        if not entry.slices:
            return self._read(entry)

        def read_part(part: Slice) -> np.ndarray:
            stored = self._parts.get(slice_key(name, part))
            if stored is None:
                raise ValueError("one of its parts is not in the index")
            return self._read(stored)

        return join(entry, read_part)

    def _read(self, entry: Entry) -> np.ndarray:
        if entry.dtype == STRINGS:
            return decode_strings(bytes(gather(read_chunks(self._path(entry), entry))), entry.shape, entry.crc)
        return np.frombuffer(gather(self._chunks(entry)), entry.dtype).reshape(entry.shape)

    def _chunks(self, entry: Entry) -> Iterator[memoryview]:
        if entry.size != entry.stored_size:
            raise ValueError(f"it has {entry.size} bytes, but its shape requires {entry.stored_size}")
        return verify(read_chunks(self._path(entry), entry), entry.crc)

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
