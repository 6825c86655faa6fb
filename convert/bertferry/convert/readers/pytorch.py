"""Reads what `torch.save` wrote (`pytorch_model.bin`, `.pt`, `.pth`), without PyTorch, and runs nothing in it.

Since PyTorch 1.6 a file is a zip of a pickle, `data.pkl`, and a record of bytes per storage, none compressed:
https://github.com/pytorch/pytorch/blob/main/caffe2/serialize/inline_container.h. Until 1.5 it was five pickles in
a row and then the storages: https://github.com/pytorch/pytorch/blob/v1.5.1/torch/serialization.py.
"""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Literal

import ml_dtypes  # noqa: F401 - teaches NumPy the name bfloat16
import numpy as np

from bertferry.convert.readers.pickle_data import PickleRefusedError, load
from bertferry.convert.readers.reader import StoredTensor, TensorInfo
from bertferry.convert.readers.state_dict import named_tensors
from bertferry.convert.readers.torch_objects import Storage, Tensor, stand_ins, storage_of
from bertferry.convert.readers.zip_members import place_of
from bertferry.core.errors import BertferryError, DataError, UsageError

LARGEST_PICKLE = 32 * 2**20
"""Bytes: more than the names and shapes of any checkpoint take, also beside an optimizer's state."""
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
WAY_OUT = "save model.state_dict() with torch.save, or the model with save_pretrained of transformers"


@dataclass(frozen=True)
class Record:
    """Bytes in the file, and their CRC-32: 0 if they have none, as in legacy files and by PyTorch's settings."""

    name: str
    start: int
    length: int
    crc: int = 0


class Storages:
    """The storages of a file, mapped when they are read."""

    def __init__(self, path: Path, records: Mapping[str, Record], byte_order: str) -> None:
        self._path, self._records, self._byte_order = path, records, byte_order
        self._checked: set[str] = set()

    def check(self, storage: Storage) -> None:
        """Checks that the file has as many bytes of a storage as its elements take."""
        record = self._records.get(storage.key)
        if record is None:
            raise DataError(f"{self._path}: its record data/{storage.key} is missing")
        expected = storage.elements * np.dtype(storage.dtype).itemsize
        if record.length != expected:
            raise DataError(
                f"{self._path}: its record {record.name} has {record.length} bytes, "
                f"but {storage.elements} elements of {storage.dtype} take {expected}"
            )

    def read(self, tensor: Tensor) -> np.ndarray:
        """A tensor, in the byte order of this machine: a view of the mapped file if that is the file's."""
        if 0 in tensor.shape:
            return np.zeros(tensor.shape, tensor.storage.dtype)
        elements = self._elements(tensor.storage)
        steps = [step * elements.itemsize for step in tensor.strides]
        return np.lib.stride_tricks.as_strided(elements[tensor.offset :], tensor.shape, steps, writeable=False)

    def _elements(self, storage: Storage) -> np.ndarray:
        record, dtype = self._records[storage.key], np.dtype(storage.dtype)
        try:
            stored = np.asarray(np.memmap(self._path, np.uint8, "r", record.start, (record.length,)))
        except (OSError, ValueError) as error:
            raise DataError(f"{self._path}: its record {record.name} cannot be read: {error}") from error
        if record.crc and storage.key not in self._checked:
            if zlib.crc32(stored.data) != record.crc:
                raise DataError(f"{self._path}: the bytes of its record {record.name} contradict their checksum")
            self._checked.add(storage.key)
        if self._byte_order == "big":
            stored = stored.reshape(-1, dtype.itemsize)[:, ::-1].reshape(-1)
        return stored.view(dtype)


def pytorch_tensors(path: Path, prefix: str | None = None) -> dict[str, StoredTensor]:
    """The tensors of a file, by their names in its state dict (`readers/state_dict.py`).

    Raises:
      UsageError: a pickle that names what no weights need, a program, or a format before PyTorch 0.1.10.
      DataError: damaged or missing bytes.
    """
    try:
        with path.open("rb") as file:
            read = _read_zip if zipfile.is_zipfile(file) else _read_legacy
            file.seek(0)
            root, storages = read(file, path)
        tensors = named_tensors(root, prefix)
    except PickleRefusedError as error:
        what, *way_out = error.args
        raise UsageError(f"{path}: refused: {what}", *(way_out or [WAY_OUT])) from error
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: not a readable file of PyTorch: {error}") from error
    if not tensors:
        raise UsageError(f"{path}: contains no tensors", WAY_OUT)
    for tensor in tensors.values():
        storages.check(tensor.storage)
    return {
        name: StoredTensor(TensorInfo(tensor.shape, tensor.storage.dtype), partial(storages.read, tensor))
        for name, tensor in tensors.items()
    }


def _read_zip(file: IO[bytes], path: Path) -> tuple[Any, Storages]:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = {info.filename: info for info in archive.infolist()}
        folder = next((name.removesuffix("data.pkl") for name in entries if name.endswith("/data.pkl")), None)
        if folder is None:
            raise UsageError(f"{path}: not a file that torch.save wrote: it has no data.pkl", WAY_OUT)
        if f"{folder}constants.pkl" in entries:
            raise UsageError(f"{path}: refused: a TorchScript program", WAY_OUT)
        needed = (f"{folder}data.pkl", f"{folder}byteorder", f"{folder}data/")
        records = {
            name: Record(name, place_of(file, info), info.file_size, info.CRC)
            for name, info in entries.items()
            if name.startswith(needed)
        }
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise DataError(f"{path}: not a complete file of PyTorch: {error}") from error
    pickle = _content(file, records[f"{folder}data.pkl"], LARGEST_PICKLE)
    order = _content(file, records[f"{folder}byteorder"], 16) if f"{folder}byteorder" in records else b"little"
    if order not in (b"little", b"big"):
        raise ValueError(f"its byte order is {order!r}")
    start = f"{folder}data/"
    storages = {name.removeprefix(start): record for name, record in records.items() if name.startswith(start)}
    return load(BytesIO(pickle), stand_ins(), storage_of), Storages(path, storages, order.decode())


def _content(file: IO[bytes], record: Record, limit: int) -> bytes:
    if record.length > limit:
        raise PickleRefusedError(f"its {record.name} is larger than {limit} bytes")
    file.seek(record.start)
    content = file.read(record.length)
    if record.crc and zlib.crc32(content) != record.crc:
        raise ValueError(f"the bytes of its record {record.name} contradict their checksum")
    return content


def _read_legacy(file: IO[bytes], path: Path) -> tuple[Any, Storages]:
    beginning = BytesIO(file.read(LARGEST_PICKLE))
    size = file.seek(0, 2)
    if LEGACY_MAGIC.to_bytes(10, "little") not in beginning.getvalue()[:32]:
        raise _wrong_kind(path, beginning.read(512))
    used: dict[str, Storage] = {}

    def remember(identity: object) -> Storage:
        storage = storage_of(identity)
        used[storage.key] = storage
        return storage

    _, version, system, root, keys = (load(beginning, stand_ins(), remember) for _ in range(5))
    if version != 1001 or not isinstance(system, dict) or not isinstance(keys, list):
        raise ValueError("its header is damaged")
    order: Literal["little", "big"] = "little" if system.get("little_endian", True) else "big"
    records, position = {}, beginning.tell()
    for key in keys:
        file.seek(position)
        elements = int.from_bytes(file.read(8), order)
        if key not in used:
            raise ValueError("its storages are not those of its tensors")
        length = elements * np.dtype(used[key].dtype).itemsize
        records[key] = Record(f"data/{key}", position + 8, length)
        position += 8 + length
        if position > size:
            raise ValueError(f"its storage {key} is truncated")
    return root, Storages(path, records, order)


def _wrong_kind(path: Path, beginning: bytes) -> BertferryError:
    """What to say of a file that is neither a zip nor pickles in a row."""
    if beginning.startswith(b"PK"):
        return DataError(f"{path}: not a complete file of PyTorch: the list of its records at the end is missing")
    if beginning[257:262] == b"ustar":
        return UsageError(f"{path}: a tar file of PyTorch before 0.1.10, which is not supported", WAY_OUT)
    return UsageError(f"{path}: not a file that torch.save wrote", WAY_OUT)
