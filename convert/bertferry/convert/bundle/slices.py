"""Tensors stored in parts: partitioned variables of TensorFlow 1.

The index stores the parts under keys that no tensor name can equal: a zero byte, the tensor's name and the
position of the part, encoded so that keys sort like their content (tensorflow/core/lib/strings/ordered_code.cc).
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np

from bertferry.convert.bundle.entry import WHOLE, Entry, Slice


def slice_key(name: str, part: Slice) -> bytes:
    """The key of a part of a tensor."""
    escaped = name.encode().replace(b"\xff", b"\xff\x00").replace(b"\0", b"\0\xff") + b"\0\x01"
    numbers = b"".join(_signed(number) for extent in part for number in extent)
    return _unsigned(0) + escaped + _unsigned(len(part)) + numbers


def check_parts(entry: Entry, parts: Mapping[Slice, Entry]) -> None:
    """Checks what the index states of the parts of a tensor.

    Bytes that several parts share would let a small file claim to hold a large tensor.

    Raises:
      ValueError: they do not have the type, the shapes or the size of the whole, or share bytes.
    """
    if len(parts) != len(entry.slices):
        raise ValueError("one of its parts is listed twice")
    for part, stored in parts.items():
        if stored.dtype != entry.dtype or stored.shape != _shape(part, entry.shape):
            raise ValueError("the type or shape of one of its parts does not fit")
    if sum(stored.size for stored in parts.values()) != entry.stored_size:
        raise ValueError("its parts do not have the size of the whole")
    ranges = sorted((stored.shard, stored.offset, stored.size) for stored in parts.values() if stored.size)
    for (shard, offset, size), following in pairwise(ranges):
        if (shard, offset + size) > following[:2]:
            raise ValueError("its parts share bytes")


def are_rows(entry: Entry) -> bool:
    """Whether the bytes of the parts, one after the other, are those of the whole: most variables are split so."""
    if not entry.shape:
        return False
    position = 0
    for (start, length), *others in sorted(entry.slices):
        if start != position or any(extent != (0, WHOLE) for extent in others):
            return False
        position += length
    return position == entry.shape[0]


def join(entry: Entry, parts: Iterable[tuple[Slice, np.ndarray]]) -> np.ndarray:
    """The whole tensor, of checked parts.

    Raises:
      ValueError: its parts do not cover it.
    """
    whole, covered = np.empty(entry.shape, entry.dtype), np.zeros(entry.shape, bool)
    for part, values in parts:
        place = tuple(slice(start, start + size) for (start, _), size in zip(part, values.shape, strict=True))
        whole[place], covered[place] = values, True
    if not covered.all():
        raise ValueError("its parts do not cover it")
    return whole


def _shape(part: Slice, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of a part of a tensor with a shape, or None if it is not inside the tensor."""
    if len(part) != len(shape):
        return None
    lengths = tuple(size if length == WHOLE else length for (_, length), size in zip(part, shape, strict=True))
    inside = all(
        0 <= start <= start + length <= size for (start, _), length, size in zip(part, lengths, shape, strict=True)
    )
    return lengths if inside else None


def _unsigned(number: int) -> bytes:
    """The number of bytes that follow, then the value in them, big-endian."""
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([len(content)]) + content


def _signed(number: int) -> bytes:
    """Seven bits of the value per byte; the first bits encode the number of bytes, inverted if it is negative."""
    bits = (~number if number < 0 else number).bit_length() + 1
    length = -(-bits // 7)
    header = ((1 << length) - 1) << (7 * length)  # one bit per byte, at the top
    return (header ^ (number & (1 << 8 * length) - 1)).to_bytes(length, "big")
