"""Runs ONNX graphs in ONNX Runtime."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bertferry.convert.quiet import held_back_stderr
from bertferry.modeling.errors import DataError, UnavailableError, first_line

PROVIDERS = {"cpu": "CPUExecutionProvider", "gpu": "CUDAExecutionProvider"}
INTEGERS = {"tensor(int32)": np.int32, "tensor(int64)": np.int64}
WARNINGS_OFF = 3


class OnnxRunner:
    """A session with all of ONNX Runtime's graph optimizations, or with none of them."""

    def __init__(self, path: Path, device: str, *, optimized: bool, widen: bool, shares_mask: bool) -> None:
        with held_back_stderr():
            try:
                import onnxruntime
            except ImportError as error:
                raise UnavailableError(
                    "ONNX Runtime is not installed: pip install 'bertferry[cpu]' or 'bertferry[gpu]'"
                ) from error
            self.name = str(path)
            self._widen = widen
            self.shares_mask = shares_mask
            options = onnxruntime.SessionOptions()
            options.log_severity_level = WARNINGS_OFF
            levels = onnxruntime.GraphOptimizationLevel
            options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
            provider = PROVIDERS[device]
            try:
                self._session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
            except Exception as error:  # its errors share no class
                raise DataError(f"{path}: not a loadable ONNX model: {first_line(error)}") from error
        if provider not in self._session.get_providers():
            fallback = self._session.get_providers()[0]
            raise UnavailableError(f"--device {device}: the session fell back to {fallback}")

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The graph's outputs by name."""
        feeds = {
            value.name: inputs[value.name].astype(INTEGERS.get(value.type, inputs[value.name].dtype))
            for value in self._session.get_inputs()
        }
        names = [value.name for value in self._session.get_outputs()]
        outputs = self._session.run(names, feeds)
        if self._widen:
            outputs = [array.astype(np.float32) if array.dtype == np.float16 else array for array in outputs]
        return dict(zip(names, outputs, strict=True))
