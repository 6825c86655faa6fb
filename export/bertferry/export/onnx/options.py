"""Options of an ONNX graph."""

from dataclasses import dataclass

from bertferry.core.choices import check_choice
from bertferry.core.errors import UsageError
from bertferry.core.tasks import TASKS

ONNX_PRECISIONS = ("fp32", "fp16", "int8")
OPTIMIZATIONS = ("none", "ort")
OPSETS = (15, 16, 17, 18)
DEFAULT_OPSET = FUSED_OPSET = 18
"""18 is the newest opset that tf2onnx 1.17 writes, and the fused graph requires it."""


@dataclass(frozen=True)
class OnnxOptions:
    """Options of an ONNX graph, made from a checkpoint or a SavedModel.

    Attributes:
      task: task of a checkpoint, one of `TASKS`.
      signature: name of a SavedModel's signature.
      precision: `fp32`, `fp16` (weights and matrix products in float16) or `int8` (dynamic, per channel).
      optimize: `none` uses standard ai.onnx operations only, `ort` (checkpoints only) the fused ones of ONNX
        Runtime.
      opset: one of `OPSETS`.
      int64_inputs: use int64 instead of int32 inputs for a checkpoint.
      keep_io: keep outputs float32 in fp16; otherwise they are float16.
      external_data: write the weights to a separate file; automatic above 2 GB.
      verify: run the parity check before the output takes its name.
      inputs: an `.npz` file of inputs for the check, in place of the probes.

    Raises:
      UsageError: an unknown name, or conflicting options.
    """

    task: str = "encoder"
    signature: str = "serving_default"
    precision: str = "fp32"
    optimize: str = "none"
    opset: int = DEFAULT_OPSET
    int64_inputs: bool = False
    keep_io: bool = True
    external_data: bool = False
    verify: bool = True
    inputs: str | None = None

    def __post_init__(self) -> None:
        check_choice("task", self.task, TASKS)
        check_choice("precision", self.precision, ONNX_PRECISIONS)
        check_choice("optimization", self.optimize, OPTIMIZATIONS)
        check_choice("opset", self.opset, OPSETS)
        if self.inputs is not None and not self.verify:
            raise UsageError("--inputs is for the parity check, which --no-verify skips")
        if not self.keep_io and self.precision != "fp16":
            raise UsageError(f"--no-keep-io is for --precision fp16: outputs are float32 in {self.precision}")
        if self.optimize == "ort" and self.precision == "fp16":
            raise UsageError(
                "--optimize ort with --precision fp16: ONNX Runtime's CPU provider has no such kernels"
            )
        if self.optimize == "ort" and self.opset < FUSED_OPSET:
            raise UsageError(f"--optimize ort requires --opset {FUSED_OPSET}")

    @property
    def floats(self) -> str:
        """The type of a checkpoint's outputs."""
        return "float32" if self.keep_io else "float16"

    @property
    def integers(self) -> str:
        """The type of a checkpoint's inputs."""
        return "int64" if self.int64_inputs else "int32"
