"""Runs ONNX files in ONNX Runtime."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bertferry.core.errors import DataError, UnavailableError, UsageError, first_line
from bertferry.verify.execution import Execution
from bertferry.verify.runner import Arrays

if TYPE_CHECKING:  # an extra
    import onnxruntime

PROVIDERS: dict[str, str] = {"cpu": "CPUExecutionProvider", "gpu": "CUDAExecutionProvider"}
TYPES: dict[str, type[np.generic]] = {
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(bool)": np.bool_,
}
WARNINGS_OFF = 3


class OnnxRunner:
    """An ONNX Runtime session, in the file's precision or another."""

    def __init__(self, path: Path, execution: Execution, *, shares_mask: bool) -> None:
        self.name = str(path)
        self.shares_mask = shares_mask
        self._path, self._execution = path, execution
        model: str | bytes = str(path)
        if execution.precision not in (None, "fp32", "tf32"):
            from bertferry.verify.runners.onnx_graph import convert_precision

            model = convert_precision(path, str(execution.precision))
        self._session = self._create_session(model)

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The graph's outputs by name."""
        return self._run(self._session, inputs)

    def points(self, inputs: Arrays, given: Arrays | None = None) -> dict[str, np.ndarray]:
        """Intermediate values of the file as it is, if it is one of this project."""
        from bertferry.verify.runners.onnx_graph import expose_points

        model, points = expose_points(self._path, tuple(given or ()))
        if not points:
            return {}
        session = self._create_session(model)
        values = self._run(session, {**inputs, **(given or {})})
        return {point: values[tensor].astype(np.float32) for point, tensor in points.items()}

    def _create_session(self, model: str | bytes) -> "onnxruntime.InferenceSession":
        import onnxruntime

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
        device, request = self._execution.device, f"{self._execution.flag('device')} {self._execution.device}"
        provider = PROVIDERS[device]
        if provider not in onnxruntime.get_available_providers():
            raise UnavailableError(
                f"{request}: this ONNX Runtime has no {provider}: install bertferry[gpu] instead of bertferry[cpu]"
            )
        settings: Mapping[str, str] = {}
        if device == "gpu":
            settings = {"use_tf32": "1" if self._execution.precision == "tf32" else "0"}
        try:
            session = onnxruntime.InferenceSession(model, options, providers=[(provider, settings)])
        except Exception as error:  # its errors have no common base class
            if isinstance(model, bytes) and self._execution.precision is not None:
                raise UsageError(
                    f"{self._path}: ONNX Runtime cannot run it in {self._execution.flag('precision')} "
                    f"{self._execution.precision}: "
                    f"{first_line(error)}"
                ) from error
            if "NOT_IMPLEMENTED" in str(error):  # types of files in bfloat16, operations of newer opsets
                raise UnavailableError(f"{self._path}: {provider} cannot run it: {first_line(error)}") from error
            raise DataError(f"{self._path}: not a loadable ONNX model: {first_line(error)}") from error
        if provider not in session.get_providers():
            fallback = session.get_providers()[0]
            raise UnavailableError(f"{request}: the session fell back to {fallback}")
        return session

    def _run(self, session: "onnxruntime.InferenceSession", inputs: Arrays) -> dict[str, np.ndarray]:
        expected = session.get_inputs()
        missing = [value.name for value in expected if value.name not in inputs]
        if missing:
            raise ValueError(f"the graph also takes {', '.join(missing)}: map these names with --map")
        feeds = {
            value.name: inputs[value.name].astype(TYPES.get(value.type, inputs[value.name].dtype))
            for value in expected
        }
        names = [value.name for value in session.get_outputs()]
        outputs = session.run(names, feeds)
        if self._execution.precision == "fp64":  # the file's own type, from which it was converted
            outputs = [array.astype(np.float32) if array.dtype == np.float64 else array for array in outputs]
        return dict(zip(names, outputs, strict=True))
