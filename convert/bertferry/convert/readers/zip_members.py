"""Members of a zip that are stored without compression, read where they are."""

import io
import zipfile
from pathlib import Path
from typing import IO, Any

HEADER = 30
"""Bytes of a local header before the name, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.7."""


def place_of(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Where the bytes of a member begin, after a field for their alignment whose size the local header has.

    Raises:
      BadZipFile: it is compressed or encrypted, has no header or is truncated.
    """
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise zipfile.BadZipFile(f"its record {info.filename} is compressed or encrypted")
    file.seek(info.header_offset)
    header = file.read(HEADER)
    if len(header) < HEADER or not header.startswith(b"PK\x03\x04"):
        raise zipfile.BadZipFile(f"its record {info.filename} has no header")
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    start = info.header_offset + HEADER + lengths
    if start + info.file_size > file.seek(0, io.SEEK_END):
        raise zipfile.BadZipFile(f"its record {info.filename} is truncated")
    return start


class Member(io.RawIOBase):
    """A member as a file of its own, for libraries that seek in it.

    Raises:
      BadZipFile, KeyError: there is no such member that can be read where it is.
    """

    def __init__(self, path: Path, name: str) -> None:
        super().__init__()
        self._file = path.open("rb")
        with zipfile.ZipFile(self._file) as archive:
            info = archive.getinfo(name)
        self._start, self._length, self._position = place_of(self._file, info), info.file_size, 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to an offset in the member."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - as in RawIOBase
        """Reads what fits into the buffer and belongs to the member."""
        view = memoryview(buffer).cast("B")
        self._file.seek(self._start + self._position)
        count = self._file.readinto(view[: max(0, self._length - self._position)])
        self._position += count
        return count

    def close(self) -> None:
        """Closes the zip."""
        if not self.closed:
            self._file.close()
        super().close()
