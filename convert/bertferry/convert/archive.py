"""Unpacks released archives, trusting nothing in them."""

import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from bertferry.convert.prefixes import OF_A_MAC
from bertferry.core.atomic import DISK_FULL
from bertferry.core.errors import DataError, UsageError
from bertferry.core.temporary import TemporaryFolder

ZIP = (".zip", ".mar")
"""TorchServe calls its archives .mar."""
SUFFIXES = (*ZIP, ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
UNSUPPORTED = (".7z", ".rar", ".tar.zst")
MAX_BYTES = 32 * 2**30
MAX_MEMBERS = 10_000
MAX_RATIO = 100
"""Weights hardly compress: an archive that expands by more than this beyond the first 64 MiB is a bomb."""
CHUNK = 2**20
ENCRYPTED = 1
"""Bit of a zip entry's flags: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.4.4."""
DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, gzip.BadGzipFile, lzma.LZMAError),
    *(EOFError, NotImplementedError),
)
"""What the libraries raise because of an archive's bytes, as opposed to the disks involved."""


def is_archive(path: Path) -> bool:
    """Whether the name is that of a supported archive.

    Raises:
      UsageError: it is that of another kind of archive.
    """
    if path.name.lower().endswith(UNSUPPORTED) and path.is_file():
        raise UsageError(f"{path}: archives of this kind are not read: unpack it and give its folder")
    return path.name.lower().endswith(SUFFIXES)


def unpack(path: Path) -> TemporaryFolder:
    """The archive's files in a temporary folder, in one of the archive's name, which messages then contain.

    Raises:
      UsageError: no such file, or an archive with absolute paths, `..`, links or devices, or too large.
      DataError: its bytes contradict their checksums or are truncated.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    folder = TemporaryFolder()
    (folder.path / path.name).mkdir()
    budget = min(MAX_BYTES, MAX_RATIO * path.stat().st_size + 64 * 2**20)
    try:
        for count, (name, content) in enumerate(_members(path)):
            if count >= MAX_MEMBERS:
                raise UsageError(f"{path}: refused: more than {MAX_MEMBERS} files in the archive")
            parts = _safe_parts(path, name)
            if parts[0] == "__MACOSX" or parts[-1].startswith(OF_A_MAC):
                continue
            target = Path(folder.path, path.name, *parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            budget = _copy(content, target, budget, path)
    except DAMAGE as error:
        folder.remove()
        raise DataError(f"{path}: not a complete archive: {error}") from error
    except OSError as error:
        folder.remove()
        if error.errno in DISK_FULL:
            place = folder.path.parent
            raise UsageError(f"{path}: no room to unpack it in {place}: set TMPDIR to a larger folder") from error
        raise UsageError(f"{path}: cannot be unpacked: {error.strerror or error}") from error
    except BaseException:
        folder.remove()
        raise
    return folder


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of every file, in order, without trusting the sizes that the archive declares."""
    # Browsers rename files; a tar may end like a zip: with the weights of PyTorch.
    if not tarfile.is_tarfile(path) and (path.name.lower().endswith(ZIP) or zipfile.is_zipfile(path)):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                file_type = info.external_attr >> 28  # of Unix, if the archive has it
                if file_type not in (0, 4, 8):
                    raise UsageError(f"{path}: refused: its entry {info.filename} is a link or a device")
                if info.flag_bits & ENCRYPTED:
                    raise UsageError(
                        f"{path}: its entry {info.filename} is encrypted: unpack it and give its folder"
                    )
                if not info.is_dir():
                    with archive.open(info) as content:
                        yield info.filename, content
        return
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isdir():
                continue
            if not member.isfile():
                raise UsageError(f"{path}: refused: its entry {member.name} is a link or a device")
            extracted = archive.extractfile(member)
            if extracted is not None:
                yield member.name, extracted


def _safe_parts(path: Path, name: str) -> tuple[str, ...]:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0].startswith("/") or ":" in parts[0] or ".." in parts:
        raise UsageError(f"{path}: refused: its entry {name!r} leads outside the archive's folder")
    return parts


def _copy(content: IO[bytes], target: Path, budget: int, path: Path) -> int:
    """Copies a file; returns the remaining budget."""
    with target.open("wb") as out:
        while chunk := content.read(CHUNK):
            budget -= len(chunk)
            if budget < 0:
                raise UsageError(f"{path}: refused: its files are larger than any checkpoint of its size")
            out.write(chunk)
    return budget
