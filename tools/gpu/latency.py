"""Times calls of a network whose inputs and outputs stay on the device."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from device_rows import SHAPES

WARM_UP, RUNS, SECONDS = 3, 50, 3.0
"""Calls before those that are timed; then as many calls, or until these seconds are over, at least three."""


def onnx_times(path: Path, device: str) -> Iterator[tuple[str, list[float]]]:
    """The milliseconds of calls of an ONNX file for each shape."""
    import onnxruntime

    provider = {"gpu": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}[device]
    if provider not in onnxruntime.get_available_providers():
        raise RuntimeError(f"this ONNX Runtime has no {provider}")
    settings = {"use_tf32": "0"} if device == "gpu" else {}
    session = onnxruntime.InferenceSession(str(path), providers=[(provider, settings)])
    if session.get_providers()[0] != provider:
        raise RuntimeError(f"the session fell back to {session.get_providers()[0]}")
    place = "cuda" if device == "gpu" else "cpu"
    for rows, length in SHAPES:
        binding = session.io_binding()
        for value, array in zip(session.get_inputs(), inputs(rows, length), strict=True):
            binding.bind_ortvalue_input(value.name, onnxruntime.OrtValue.ortvalue_from_numpy(array, place, 0))
        for value in session.get_outputs():
            binding.bind_output(value.name, place, 0)

        def call(binding: onnxruntime.IOBinding = binding) -> None:
            session.run_with_iobinding(binding)
            binding.synchronize_outputs()

        yield f"{rows}x{length}", timed(call)


def torch_times(folder: Path, precision: str, device: str) -> Iterator[tuple[str, list[float]]]:
    """The milliseconds of calls of the same network in PyTorch for each shape."""
    import torch
    from transformers import BertModel

    place = "cuda" if device == "gpu" else "cpu"
    if device == "gpu" and not torch.cuda.is_available():
        raise RuntimeError("no GPU visible to PyTorch")
    torch.backends.cuda.matmul.allow_tf32 = False
    dtype = {"fp32": torch.float32, "fp16": torch.float16}[precision]
    model = BertModel.from_pretrained(str(folder), local_files_only=True).to(place, dtype).eval()
    for rows, length in SHAPES:
        ids, mask, types = (torch.tensor(array, dtype=torch.long, device=place) for array in inputs(rows, length))

        def call(ids: object = ids, mask: object = mask, types: object = types) -> None:
            with torch.no_grad():
                model(input_ids=ids, attention_mask=mask, token_type_ids=types)
            if device == "gpu":
                torch.cuda.synchronize()

        yield f"{rows}x{length}", timed(call)


def inputs(rows: int, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids, mask and segments, in int32: random tokens without padding."""
    ids = np.random.default_rng(0).integers(1000, 20000, (rows, length), np.int32)
    return ids, np.ones_like(ids), np.zeros_like(ids)


def timed(call: Callable[[], None]) -> list[float]:
    """The milliseconds of each call."""
    for _ in range(WARM_UP):
        call()
    times: list[float] = []
    while len(times) < 3 or (len(times) < RUNS and sum(times) < 1000 * SECONDS):
        started = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - started))
    return times
