"""Options of an ONNX graph."""

from dataclasses import dataclass

from bertferry.core.choices import check_choice
from bertferry.core.errors import UsageError
from bertferry.core.graph_names import NAMINGS
from bertferry.core.inner_outputs import INNER
from bertferry.core.tasks import GRAPH_TASKS

FLOATS = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16", "int8": "float32"}
"""Type of the weights and of the values between operations, by precision; int8 is quantized afterwards."""
ONNX_PRECISIONS = tuple(FLOATS)
OPTIMIZATIONS = ("none", "ort")
OPSETS = tuple(range(17, 27))
"""From the first with LayerNormalization to the newest that ONNX Runtime 1.26 runs."""
DEFAULT_OPSET = 17
SAVED_MODEL_OPSET = 18
"""The newest opset that tf2onnx 1.17 writes, and the default for SavedModels."""


@dataclass(frozen=True)
class OnnxOptions:
    """Options of an ONNX graph, made from a checkpoint or a SavedModel.

    Attributes:
      task: task of a checkpoint, one of `GRAPH_TASKS`; `embeddings` pools the encoder's outputs.
      signature: name of a SavedModel's signature.
      precision: `fp32`, `fp16` or `bf16` (weights and matrix products in 16 bits), or `int8` (dynamic, per
        channel).
      optimize: `none` uses standard ai.onnx operations only, `ort` (checkpoints only) the fused ones of ONNX
        Runtime.
      opset: one of `OPSETS`; default: 17 for a checkpoint, 18 for a SavedModel.
      names: of inputs and outputs of a checkpoint's graph, one of `NAMINGS`: those of this project, or those that
        clients of Hugging Face's files look for, with int64 inputs; default: the latter if the source or the
        target is a Hugging Face folder.
      int64_inputs: use int64 instead of int32 inputs for a checkpoint.
      inner: outputs of a checkpoint's graph besides those of its task, of `INNER`: the hidden states, and the
        attention maps, of every layer.
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
    opset: int | None = None
    names: str | None = None
    int64_inputs: bool = False
    inner: tuple[str, ...] = ()
    keep_io: bool = True
    external_data: bool = False
    verify: bool = True
    inputs: str | None = None

    def __post_init__(self) -> None:
        check_choice("task", self.task, GRAPH_TASKS)
        check_choice("precision", self.precision, ONNX_PRECISIONS)
        check_choice("optimization", self.optimize, OPTIMIZATIONS)
        check_choice("opset", self.opset, OPSETS)
        check_choice("names", self.names, NAMINGS)
        for kind in self.inner:
            check_choice("outputs", kind, INNER)
        if self.inputs is not None and not self.verify:
            raise UsageError("--inputs is for the parity check, which --no-verify skips")
        if not self.keep_io and self.precision != "fp16":
            raise UsageError(f"--no-keep-io is for --precision fp16: outputs are float32 in {self.precision}")

        if self.optimize == "ort" and self.precision == "bf16":
            raise UsageError("--optimize ort with --precision bf16: Attention has no bfloat16 kernel")

    @property
    def notes(self) -> tuple[str, ...]:
        """What users should know about the combination of options."""
        if self.optimize == "ort" and "attentions" in self.inner:
            return ("attention is in plain operations: ONNX Runtime's own returns no attention maps",)
        return ()

    @property
    def between(self) -> str:
        """The type of a checkpoint's weights and of the values between operations."""
        return FLOATS[self.precision]

    @property
    def floats(self) -> str:
        """The type of a checkpoint's outputs."""
        return "float32" if self.keep_io else self.between

    @property
    def integers(self) -> str:
        """The type of a checkpoint's inputs."""
        return "int64" if self.int64_inputs or self.names == "huggingface" else "int32"
