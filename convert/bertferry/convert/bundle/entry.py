"""The entry of a tensor in the index."""

from dataclasses import dataclass
from math import prod

import ml_dtypes  # noqa: F401 - teaches NumPy the names of narrow types
import numpy as np

from bertferry.convert.bundle.checksum import mask, unmask
from bertferry.convert.bundle.messages import EntryMessage

STRINGS, VARIANTS = "object", "variant"
MAX_AXES = 64
"""NumPy's limit."""
MAX_ELEMENTS = 2**63 - 1
"""TensorFlow's limit."""
DTYPE_OF_NUMBER = {
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
    11: "qint8",
    12: "quint8",
    13: "qint32",
    14: "bfloat16",
    15: "qint16",
    16: "quint16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    20: "resource",
    21: VARIANTS,
    22: "uint32",
    23: "uint64",
    24: "float8_e5m2",
    25: "float8_e4m3fn",
    26: "float8_e4m3fnuz",
    27: "float8_e4m3b11fnuz",
    28: "float8_e5m2fnuz",
    29: "int4",
    30: "uint4",
    31: "int2",
    32: "uint2",
    33: "float4_e2m1fn",
}
"""NumPy's names for the types in tensorflow/core/framework/types.proto; arrays of strings contain objects.

NumPy has no quantized types, and some narrow ones only with a recent ml_dtypes. Numbers narrower than a byte are
stored in one each.
"""
NUMBER_OF_DTYPE = {name: number for number, name in DTYPE_OF_NUMBER.items()}

Slice = tuple[tuple[int, int], ...]
"""A part of a tensor: start and length along each axis."""
WHOLE = -1
"""As a length: that of the whole axis."""


@dataclass(frozen=True)
class Entry:
    """A tensor's type by NumPy's name, its shape, location and CRC-32C, and its parts if it is stored in several.

    A type that is not known here is named by its number.
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
        """The number of bytes that its type and shape require.

        Raises:
          ValueError: its type is not numeric or not supported.
        """
        try:
            numeric = np.dtype(self.dtype)
        except TypeError:
            numeric = None
        if numeric is None or self.dtype == STRINGS:
            raise ValueError(f"its type, {self.dtype}, is not a supported numeric type")
        return prod(self.shape) * numeric.itemsize


def parse_entry(serialized: bytes) -> Entry:
    """Parses an entry of an index.

    Raises:
      ValueError: it does not describe a tensor.
    """
    message = EntryMessage.FromString(serialized)
    shape = tuple(dimension.size for dimension in message.shape.dim)
    numbers = (*shape, message.offset, message.size, message.shard_id)
    if min(numbers) < 0 or len(shape) > MAX_AXES or prod(shape) > MAX_ELEMENTS:
        raise ValueError("an entry does not describe a tensor")
    slices = tuple(
        tuple((extent.start, extent.length or WHOLE) for extent in part.extent) for part in message.slices
    )
    dtype = DTYPE_OF_NUMBER.get(message.dtype, f"number {message.dtype} in TensorFlow")
    return Entry(dtype, shape, message.shard_id, message.offset, message.size, unmask(message.crc32c), slices)


def serialize_entry(entry: Entry) -> bytes:
    """The entry of a tensor stored in one part, as an index contains it."""
    message = EntryMessage(
        dtype=NUMBER_OF_DTYPE[entry.dtype],
        shape={"dim": [{"size": size} for size in entry.shape]},
        shard_id=entry.shard,
        offset=entry.offset,
        size=entry.size,
        crc32c=mask(entry.crc),
    )
    return bytes(message.SerializeToString())
