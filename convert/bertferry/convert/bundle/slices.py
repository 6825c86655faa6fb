"""Tensors stored in parts: partitioned variables of TensorFlow 1.

The index stores the parts under keys that no tensor name can equal: a zero byte, the tensor's name and the
position of the part, encoded so that keys sort like their content (tensorflow/core/lib/strings/ordered_code.cc).
"""

from collections.abc import Callable

import numpy as np

from bertferry.convert.bundle.entry import Entry, Slice

Places = tuple[slice, ...]


def slice_key(name: str, part: Slice) -> bytes:
    """The key of a part of a tensor."""
    escaped = name.encode().replace(b"\xff", b"\xff\x00").replace(b"\0", b"\0\xff") + b"\0\x01"
    numbers = b"".join(_signed(number) for extent in part for number in extent)
    return _unsigned(0) + escaped + _unsigned(len(part)) + numbers


def join(entry: Entry, read_part: Callable[[Slice], np.ndarray]) -> np.ndarray:
    """The whole tensor.

    Raises:
      ValueError: its parts do not cover it.
    """
    if len(set(entry.slices)) != len(entry.slices):
        raise ValueError("one of its parts is listed twice")
    parts = [(_places(part, entry.shape), read_part(part)) for part in entry.slices]
    if sum(values.nbytes for _, values in parts) != entry.stored_size:
        raise ValueError("its parts do not have the size of the whole")
    whole, covered = np.empty(entry.shape, entry.dtype), np.zeros(entry.shape, bool)
    for place, values in parts:
        if values.dtype != whole.dtype or values.shape != whole[place].shape:
            raise ValueError("the type or shape of one of its parts does not fit")
        whole[place], covered[place] = values, True
    if not covered.all():
        raise ValueError("its parts do not cover it")
    return whole


def _places(part: Slice, shape: tuple[int, ...]) -> Places:
    if len(part) != len(shape):
        raise ValueError("one of its parts has another number of axes")
    return tuple(slice(None) if length < 0 else slice(start, start + length) for start, length in part)


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
