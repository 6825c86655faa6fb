"""Tensors whose elements differ in length: strings, and variants, which contain states of a data pipeline.

Of strings, the data file has the lengths, a checksum of the lengths, the strings themselves; of variants, the
length, the bytes and a checksum of everything so far, one after the other
(tensorflow/core/util/tensor_bundle/tensor_bundle.cc).
"""

from collections.abc import Iterable
from math import prod

import numpy as np

from bertferry.convert.bundle.checksum import crc32c, mask, unmask
from bertferry.convert.bundle.data_files import MISMATCH
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
        raise ValueError(MISMATCH)
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


def check_variants(data: bytes, shape: tuple[int, ...], crc: int) -> None:
    """Verifies the checksums of a tensor of variants, which are opaque here.

    Raises:
      ValueError: the bytes contradict one of them, or contain another number of variants than the shape requires.
    """
    position = actual = 0
    count = 0
    while position < len(data):
        length, start = read_varint(data, position)
        end = start + length
        position = end + CHECKSUM_BYTES
        if position > len(data):
            raise ValueError("one of its variants extends beyond its bytes")
        stated = data[end:position]
        actual = crc32c(data[start:end], crc32c(length.to_bytes(8, "little"), actual))
        if stated != mask(actual).to_bytes(CHECKSUM_BYTES, "little"):
            raise ValueError(MISMATCH)
        actual = crc32c(stated, actual)
        count += 1
    if actual != crc or count != prod(shape):
        raise ValueError(MISMATCH)


def _checksum(lengths: list[int]) -> int:
    """The checksum of the lengths in four bytes each, or eight if four do not suffice."""
    return crc32c(b"".join(length.to_bytes(4 if length < 2**32 else 8, "little") for length in lengths))
