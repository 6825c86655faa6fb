"""How a command, which ends soon, handles memory: it seldom looks for what it could give back before its end."""

import gc
import sys
from contextlib import suppress

NEW_OBJECTS = 50_000
"""How many objects a command creates before Python looks for cycles among them, and seldom among all.

By default, it looks at TensorFlow's 300,000 five times while they are imported, and seven times while a module is
exported: a tenth of the time, for nothing.
"""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Settings of glibc's `mallopt`, https://man7.org/linux/man-pages/man3/mallopt.3.html: more free memory than the
first, and each freed block larger than the second, goes back to the system."""
LARGE = 2**30


def collect_seldom() -> None:
    """Lets Python's collector of cycles run seldom."""
    gc.set_threshold(NEW_OBJECTS)


def keep_freed_memory() -> None:
    """Lets the C library keep freed arrays for the next ones, where it can be told to.

    Otherwise it returns each large one to Linux, which gives the next one page by page, filled with zeros: a third
    of the system's time in a comparison of a network in NumPy with a graph in ONNX Runtime.
    """
    if sys.platform == "linux":
        import ctypes

        with suppress(AttributeError):  # another C library than glibc
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(M_TRIM_THRESHOLD, LARGE)
            mallopt(M_MMAP_THRESHOLD, LARGE)
