"""Integers of variable length: seven bits per byte, lowest first; the eighth bit is set if more bytes follow."""


def read_varint(data: bytes | memoryview, position: int) -> tuple[int, int]:
    """The number at a position, and the position after it.

    Raises:
      ValueError: the data ends inside it, or it is longer than 64 bits.
    """
    value = 0
    for shift in range(0, 64, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("an unterminated number")


def encode_varint(value: int) -> bytes:
    """The bytes that encode a number."""
    stored = bytearray()
    while value >= 0x80:
        stored.append(value & 0x7F | 0x80)
        value >>= 7
    stored.append(value)
    return bytes(stored)
