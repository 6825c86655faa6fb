"""Runs ONNX graphs in ONNX Runtime."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bertferry.core.errors import DataError, UnavailableError, UsageError, first_line
from bertferry.verify.execution import Execution
from bertferry.verify.names import given_names, ours
from bertferry.verify.runner import Arrays

if TYPE_CHECKING:  # an extra
    import onnxruntime

PROVIDERS: dict[str, str] = {"cpu": "CPUExecutionProvider", "gpu": "CUDAExecutionProvider"}
TYPES = {"tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(float16)": np.float16}
WARNINGS_OFF = 3


class OnnxRunner:
    """A session with ONNX Runtime's graph optimizations at some level, in the file's precision or another.

    `widen` takes float16 outputs for float32 ones, where the file was asked to have them.
    """

    def __init__(self, path: Path, execution: Execution, *, widen: bool, shares_mask: bool) -> None:
        self.name = str(path)
        self.shares_mask = shares_mask
        self._path, self._execution = path, execution
        self._widen = widen or execution.precision == "fp64"
        model: str | bytes = str(path)
        if execution.precision not in (None, "fp32", "tf32"):
            from bertferry.verify.runners.onnx_graph import converted

            model = converted(path, str(execution.precision))
        self._session = self._opened(model)

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The graph's outputs by name."""
        outputs = self._run(self._session, given_names(inputs, self._execution.names))
        return ours(outputs, self._execution.names)

    def points(self, inputs: Arrays, given: Arrays | None = None) -> dict[str, np.ndarray]:
        """The values inside, in a file of this project that has not been converted on the way."""
        from bertferry.verify.runners.onnx_graph import to_points

        model, points = to_points(self._path, tuple(given or ()))
        if not points:
            return {}
        session = self._opened(model)
        feeds = {**given_names(inputs, self._execution.names), **(given or {})}
        found = self._run(session, feeds)
        return {point: found[tensor].astype(np.float32) for point, tensor in points.items()}

    def _opened(self, model: str | bytes) -> "onnxruntime.InferenceSession":
        try:
            import onnxruntime
        except ImportError as error:
            raise UnavailableError(
                "ONNX Runtime is not installed: pip install 'bertferry[cpu]' or 'bertferry[gpu]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = WARNINGS_OFF
        if self._execution.threads is not None:
            options.intra_op_num_threads = self._execution.threads
        folder = "session.model_external_initializers_file_folder_path"
        options.add_session_config_entry(folder, str(self._path.parent.absolute()))
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = {
            "none": levels.ORT_DISABLE_ALL,
            "basic": levels.ORT_ENABLE_BASIC,
            "extended": levels.ORT_ENABLE_EXTENDED,
            "all": levels.ORT_ENABLE_ALL,
        }[self._execution.graph_optimization]
        device, asked = self._execution.device, f"{self._execution.flag('device')} {self._execution.device}"
        provider = PROVIDERS[device]
        if provider not in onnxruntime.get_available_providers():
            raise UnavailableError(
                f"{asked}: this ONNX Runtime has no {provider}: install bertferry[gpu], not [cpu]"
            )
        settings: Mapping[str, str] = {}
        if device == "gpu":
            settings = {"use_tf32": "1" if self._execution.precision == "tf32" else "0"}
        try:
            session = onnxruntime.InferenceSession(model, options, providers=[(provider, settings)])
        except Exception as error:  # its errors share no class
            if isinstance(model, bytes) and self._execution.precision is not None:
                raise UsageError(
                    f"{self._path}: ONNX Runtime cannot run it in {self._execution.flag('precision')} "
                    f"{self._execution.precision}: "
                    f"{first_line(error)}"
                ) from error
            raise DataError(f"{self._path}: not a loadable ONNX model: {first_line(error)}") from error
        if provider not in session.get_providers():
            fallback = session.get_providers()[0]
            raise UnavailableError(f"{asked}: the session fell back to {fallback}")
        return session

    def _run(self, session: "onnxruntime.InferenceSession", inputs: Arrays) -> dict[str, np.ndarray]:
        expected = session.get_inputs()
        missing = [value.name for value in expected if value.name not in inputs]
        if missing:
            raise ValueError(f"the graph also takes {', '.join(missing)}: give their names with --map")
        feeds = {
            value.name: inputs[value.name].astype(TYPES.get(value.type, inputs[value.name].dtype))
            for value in expected
        }
        names = [value.name for value in session.get_outputs()]
        outputs = session.run(names, feeds)
        if self._widen:
            outputs = [
                array.astype(np.float32) if array.dtype in (np.float16, np.float64) else array for array in outputs
            ]
        return dict(zip(names, outputs, strict=True))
