"""What an index says of a tensor."""

from dataclasses import dataclass
from math import prod

import ml_dtypes  # noqa: F401 - teaches NumPy the names of narrow types
import numpy as np

from bertferry.convert.bundle.checksum import masked, unmasked
from bertferry.convert.bundle.messages import EntryMessage

STRINGS = "object"
MAX_AXES = 64
"""NumPy's limit."""
DTYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: STRINGS,
    8: "complex64",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    22: "uint32",
    23: "uint64",
    24: "float8_e5m2",
    25: "float8_e4m3fn",
}
"""NumPy's names of the types of tensorflow/core/framework/types.proto; arrays of strings are of objects."""
NUMBERS = {name: number for number, name in DTYPES.items()}

Slice = tuple[tuple[int, int], ...]
"""A part of a tensor: start and length along each axis; length -1 is all of it."""


@dataclass(frozen=True)
class Entry:
    """Type by NumPy's name, shape, place and CRC-32C of a tensor; the parts of one that is stored in several.

    A type that NumPy does not have is called by its number.
    """

    dtype: str
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    slices: tuple[Slice, ...] = ()

    @property
    def stored_size(self) -> int:
        """How many bytes such a tensor has.

        Raises:
          ValueError: nobody here knows, since its type is not read.
        """
        if self.dtype not in NUMBERS or self.dtype == STRINGS:
            raise ValueError(f"its type is {self.dtype}, which is none of numbers")
        return prod(self.shape) * np.dtype(self.dtype).itemsize


def parse_entry(serialized: bytes) -> Entry:
    """The entry in an index.

    Raises:
      ValueError: it describes no tensor.
    """
    message = EntryMessage.FromString(serialized)
    shape = tuple(dimension.size for dimension in message.shape.dim)
    if min(*shape, 0, message.offset, message.size, message.shard_id) < 0 or len(shape) > MAX_AXES:
        raise ValueError("an entry describes no tensor")
    slices = tuple(tuple((one.start, one.length or -1) for one in part.extent) for part in message.slices)
    dtype = DTYPES.get(message.dtype, f"TensorFlow's number {message.dtype}")
    return Entry(dtype, shape, message.shard_id, message.offset, message.size, unmasked(message.crc32c), slices)


def serialize_entry(entry: Entry) -> bytes:
    """The entry of a whole tensor as an index has it."""
    message = EntryMessage(
        dtype=NUMBERS[entry.dtype],
        shape={"dim": [{"size": size} for size in entry.shape]},
        shard_id=entry.shard,
        offset=entry.offset,
        size=entry.size,
        crc32c=masked(entry.crc),
    )
    return bytes(message.SerializeToString())
