"""Tensors stored in parts: partitioned variables of TensorFlow 1.

The parts stand in the index under keys that no name can be: a zero byte, the tensor's name and the place of the
part, each written so that keys sort as what they say (tensorflow/core/lib/strings/ordered_code.cc).
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
      ValueError: its parts do not fill it.
    """
    parts = [(_places(part, entry.shape), read_part(part)) for part in entry.slices]
    if sum(values.nbytes for _, values in parts) != entry.stored_size:
        raise ValueError("its parts are not as large as the whole")
    whole, filled = np.empty(entry.shape, entry.dtype), np.zeros(entry.shape, bool)
    for place, values in parts:
        if values.dtype != whole.dtype or values.shape != whole[place].shape:
            raise ValueError("one of its parts has another type or shape than its place")
        whole[place], filled[place] = values, True
    if not filled.all():
        raise ValueError("its parts do not fill it")
    return whole


def _places(part: Slice, shape: tuple[int, ...]) -> Places:
    if len(part) != len(shape):
        raise ValueError("one of its parts has other axes than the whole")
    return tuple(slice(None) if length < 0 else slice(start, start + length) for start, length in part)


def _unsigned(number: int) -> bytes:
    """How many bytes follow, and the number in them, the highest first."""
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([len(content)]) + content


def _signed(number: int) -> bytes:
    """Seven bits of the number a byte; the first bits say how many bytes, inverted in a negative number."""
    bits = (~number if number < 0 else number).bit_length() + 1
    length = -(-bits // 7)
    header = ((1 << length) - 1) << (7 * length)  # as many ones as bytes, at the top of all of them
    return (header ^ (number & (1 << 8 * length) - 1)).to_bytes(length, "big")
