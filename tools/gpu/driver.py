"""Asks the driver which device there is, without any framework."""

import ctypes
import os
import platform
from pathlib import Path


def describe_device(device: str) -> str | None:
    """The name of the device: that of the first GPU, None if there is none."""
    return describe_processor() if device == "cpu" else describe_gpu()


def describe_processor() -> str:
    """The processor's name and the number of its cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {cores} cores"


def describe_gpu() -> str | None:
    """The first GPU that CUDA's driver finds, as `NVIDIA H100, CUDA 12.8`."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    count, version, handle = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return None
    name = ctypes.create_string_buffer(256)
    cuda.cuDriverGetVersion(ctypes.byref(version))
    if cuda.cuDeviceGet(ctypes.byref(handle), 0) or cuda.cuDeviceGetName(name, len(name), handle):
        return None
    return f"{name.value.decode()}, CUDA {version.value // 1000}.{version.value % 1000 // 10}"
