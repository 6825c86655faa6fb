"""The checksums in a checkpoint: CRC-32C, stored rotated and with a constant added (tsl/lib/hash/crc32c.h)."""

from crc32c import crc32c

__all__ = ["crc32c", "masked", "unmasked"]

DELTA = 0xA282EAD8


def masked(crc: int) -> int:
    """A CRC-32C as files store it: a CRC of bytes that hold CRCs would not tell much."""
    return ((crc >> 15 | crc << 17) + DELTA) & 0xFFFFFFFF


def unmasked(stored: int) -> int:
    """The CRC-32C that a file states so."""
    rotated = (stored - DELTA) & 0xFFFFFFFF
    return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF
