"""String tensors: the lengths of the strings, a checksum of the lengths, the strings themselves."""

from collections.abc import Iterable
from math import prod

import numpy as np

from bertferry.convert.bundle.checksum import crc32c, mask, unmask
from bertferry.core.varint import encode_varint, read_varint

CHECKSUM_BYTES = 4


def decode_strings(data: bytes, shape: tuple[int, ...], crc: int) -> np.ndarray:
    """The strings that a tensor's bytes encode, as an array of `bytes`.

    Raises:
      ValueError: the bytes contradict one of the checksums, or contain fewer strings than the shape requires.
    """
    if prod(shape) > len(data):  # each has a length of at least one byte
        raise ValueError("it has fewer strings than its shape requires")
    lengths, position = [], 0
    for _ in range(prod(shape)):
        length, position = read_varint(data, position)
        lengths.append(length)
    start = position + CHECKSUM_BYTES
    stated = data[position:start]
    if start + sum(lengths) != len(data):
        raise ValueError("the lengths of its strings do not match its size")
    of_lengths = _checksum(lengths)
    whole = crc32c(data[start:], crc32c(stated, of_lengths))
    if unmask(int.from_bytes(stated, "little")) != of_lengths or whole != crc:
        raise ValueError("its checksum does not match its bytes")
    strings = np.empty(len(lengths), object)
    for number, length in enumerate(lengths):
        strings[number] = data[start : start + length]
        start += length
    return strings.reshape(shape)


def encode_strings(strings: Iterable[bytes]) -> tuple[bytes, int]:
    """The tensor's bytes, and the checksum for its entry."""
    kept = list(strings)
    of_lengths = _checksum([len(one) for one in kept])
    stated = mask(of_lengths).to_bytes(CHECKSUM_BYTES, "little")
    content = b"".join(kept)
    lengths = b"".join(encode_varint(len(one)) for one in kept)
    return lengths + stated + content, crc32c(content, crc32c(stated, of_lengths))


def _checksum(lengths: list[int]) -> int:
    """The checksum of the lengths in four bytes each, or eight if four do not suffice."""
    return crc32c(b"".join(length.to_bytes(4 if length < 2**32 else 8, "little") for length in lengths))
