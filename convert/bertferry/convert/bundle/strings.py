"""Tensors of strings: their lengths, the checksum of those, their bytes."""

from collections.abc import Iterable
from math import prod

import numpy as np

from bertferry.convert.bundle.checksum import crc32c, masked, unmasked
from bertferry.convert.bundle.varint import read_varint, varint

CHECKSUM_BYTES = 4


def decode_strings(data: bytes, shape: tuple[int, ...], crc: int) -> np.ndarray:
    """The strings in a tensor's bytes, as an array of `bytes`.

    Raises:
      ValueError: the bytes contradict one of the checksums, or do not hold so many strings.
    """
    if prod(shape) > len(data):  # each has a length
        raise ValueError("it has fewer strings than its shape says")
    lengths, position = [], 0
    for _ in range(prod(shape)):
        length, position = read_varint(data, position)
        lengths.append(length)
    start = position + CHECKSUM_BYTES
    stated = data[position:start]
    if start + sum(lengths) != len(data):
        raise ValueError("its strings are not as long as they say")
    of_lengths = _checksum(lengths)
    whole = crc32c(data[start:], crc32c(stated, of_lengths))
    if unmasked(int.from_bytes(stated, "little")) != of_lengths or whole != crc:
        raise ValueError("its checksum is not that of its bytes")
    strings = np.empty(len(lengths), object)
    for number, length in enumerate(lengths):
        strings[number] = data[start : start + length]
        start += length
    return strings.reshape(shape)


def encode_strings(strings: Iterable[bytes]) -> tuple[bytes, int]:
    """A tensor's bytes, and their checksum as its entry states it."""
    kept = list(strings)
    of_lengths = _checksum([len(one) for one in kept])
    stated = masked(of_lengths).to_bytes(CHECKSUM_BYTES, "little")
    content = b"".join(kept)
    lengths = b"".join(varint(len(one)) for one in kept)
    return lengths + stated + content, crc32c(content, crc32c(stated, of_lengths))


def _checksum(lengths: list[int]) -> int:
    """Over the lengths in four bytes each, or eight where four do not suffice."""
    return crc32c(b"".join(length.to_bytes(4 if length < 2**32 else 8, "little") for length in lengths))
