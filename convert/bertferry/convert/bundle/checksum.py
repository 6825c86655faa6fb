"""Checksums in a checkpoint: CRC-32C, stored rotated, plus a constant (tsl/lib/hash/crc32c.h)."""

from crc32c import crc32c

__all__ = ["crc32c", "mask", "unmask"]

DELTA = 0xA282EAD8


def mask(crc: int) -> int:
    """A CRC-32C as files store it: a CRC of bytes that contain plain CRCs would be a weak checksum."""
    return ((crc >> 15 | crc << 17) + DELTA) & 0xFFFFFFFF


def unmask(stored: int) -> int:
    """The CRC-32C itself for its stored form."""
    rotated = (stored - DELTA) & 0xFFFFFFFF
    return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF
