"""Whole numbers of varying length: seven bits a byte, the lowest first, the eighth bit set where more follow."""


def read_varint(data: bytes | memoryview, position: int) -> tuple[int, int]:
    """The number at a position, and the position behind it.

    Raises:
      ValueError: the data ends within it, or it is longer than 64 bits.
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
    raise ValueError("a number that does not end")


def varint(value: int) -> bytes:
    """A number as it is stored."""
    stored = bytearray()
    while value >= 0x80:
        stored.append(value & 0x7F | 0x80)
        value >>= 7
    stored.append(value)
    return bytes(stored)
