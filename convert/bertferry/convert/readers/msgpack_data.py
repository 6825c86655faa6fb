"""Reads msgpack without its arrays: nested maps, in which an array is where its bytes are.

https://github.com/msgpack/msgpack/blob/master/spec.md; arrays are an extension of Flax:
https://github.com/google/flax/blob/v0.8.5/flax/serialization.py.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

ARRAY = 1
"""The code of an array, whose payload is msgpack of its shape, its type and its bytes."""
CHUNKED = "__msgpack_chunked_array__"
"""The key of a map in place of an array of more than 1 GiB."""
DEEPEST = 32
MOST_VALUES = 1_000_000


@dataclass(frozen=True, slots=True)
class StoredArray:
    """An array and the places of its bytes in the file, in order, each with its length."""

    shape: tuple[int, ...]
    dtype: str
    pieces: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes in the file."""

    start: int
    length: int


class Cursor:
    """Reads the values of a buffer one after the other.

    Raises:
      ValueError: the bytes are not msgpack, or end too early.
    """

    def __init__(self, buffer: memoryview, position: int = 0) -> None:
        self._buffer, self._position, self._values = buffer, position, 0

    def value(self, depth: int = 0) -> Any:
        """The next value; bytes and arrays are not read."""
        self._values += 1
        if depth > DEEPEST or self._values > MOST_VALUES:
            raise ValueError(f"more than {DEEPEST} maps in each other, or more than {MOST_VALUES} values")
        kind = self._number("B")
        if kind <= 0x7F or kind >= 0xE0:
            return kind if kind <= 0x7F else kind - 0x100
        if kind <= 0x8F:
            return self._map(kind & 0x0F, depth)
        if kind <= 0x9F:
            return self._list(kind & 0x0F, depth)
        if kind <= 0xBF:
            return self._text(kind & 0x1F)
        if kind in CONSTANTS:
            return CONSTANTS[kind]
        if kind in NUMBERS:
            return self._number(NUMBERS[kind])
        if kind in FIXED_EXTENSIONS:
            return self._extension(FIXED_EXTENSIONS[kind], depth)
        if kind not in SIZED:
            raise ValueError(f"a value of the unknown kind 0x{kind:02x}")
        what, width = SIZED[kind]
        length = self._number(width)
        if what == "text":
            return self._text(length)
        if what == "bytes":
            return self._skip(length)
        if what == "extension":
            return self._extension(length, depth)
        return self._map(length, depth) if what == "map" else self._list(length, depth)

    def at_end(self) -> bool:
        """Whether nothing follows."""
        return self._position == len(self._buffer)

    def _number(self, width: str) -> Any:
        size = struct.calcsize(width)
        return struct.unpack(f">{width}", self._take(size))[0]

    def _take(self, length: int) -> memoryview:
        start = self._skip(length).start
        return self._buffer[start : start + length]

    def _skip(self, length: int) -> Bytes:
        start = self._position
        if start + length > len(self._buffer):
            raise ValueError("it ends too early")
        self._position += length
        return Bytes(start, length)

    def _text(self, length: int) -> str:
        return str(self._take(length), "utf-8")

    def _list(self, length: int, depth: int) -> list[Any]:
        return [self.value(depth + 1) for _ in range(length)]

    def _map(self, length: int, depth: int) -> Any:
        values: dict[str, Any] = {}
        for _ in range(length):
            key = self.value(depth + 1)
            if not isinstance(key, str):
                raise ValueError(f"a map has a key of the type {type(key).__name__}")
            values[key] = self.value(depth + 1)
        return _joined(values) if values.get(CHUNKED) is True else values

    def _extension(self, length: int, depth: int) -> Any:
        code = self._number("b")
        end = self._position + length
        if code != ARRAY:
            return self._skip(length)
        array = _array(self.value(depth + 1))
        if self._position != end:
            raise ValueError("an array has another length than it states")
        return array


def _array(payload: Any) -> StoredArray:
    if not isinstance(payload, list) or len(payload) != 3:
        raise ValueError("an array has no shape, type and bytes")
    shape, dtype, content = payload
    if not _is_shape(shape) or not isinstance(dtype, str) or not isinstance(content, Bytes):
        raise ValueError("an array has no shape, type and bytes")
    return StoredArray(tuple(shape), dtype, ((content.start, content.length),))


def _joined(values: dict[str, Any]) -> StoredArray:
    """The array that a map of flat chunks stands for, numbered from 0."""
    chunks, shape = (list(_numbered(values.get(name))) for name in ("chunks", "shape"))
    if not chunks or not _is_shape(shape) or not all(isinstance(chunk, StoredArray) for chunk in chunks):
        raise ValueError("an array in chunks has no shape or no chunks")
    dtypes = {chunk.dtype for chunk in chunks}
    if len(dtypes) > 1 or sum(prod(chunk.shape) for chunk in chunks) != prod(shape):
        raise ValueError("the chunks of an array are not those of its shape")
    return StoredArray(tuple(shape), chunks[0].dtype, tuple(piece for chunk in chunks for piece in chunk.pieces))


def _numbered(values: Any) -> Iterator[Any]:
    for number in range(len(values) if isinstance(values, dict) else 0):
        if str(number) not in values:
            raise ValueError(f"an array in chunks has no number {number}")
        yield values[str(number)]


def _is_shape(shape: Any) -> bool:
    return (
        isinstance(shape, list)
        and len(shape) <= 64
        and all(isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**63 for size in shape)
    )


CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
NUMBERS = dict(zip(range(0xCA, 0xD4), "fdBHIQbhiq", strict=True))
FIXED_EXTENSIONS = dict(zip(range(0xD4, 0xD9), (1, 2, 4, 8, 16), strict=True))
SIZED = {
    first + step: (what, width)
    for what, first, widths in (
        ("bytes", 0xC4, "BHI"),
        ("extension", 0xC7, "BHI"),
        ("text", 0xD9, "BHI"),
        ("list", 0xDC, "HI"),
        ("map", 0xDE, "HI"),
    )
    for step, width in enumerate(widths)
}
"""What follows a length, and the type of the length as `struct` has it."""
