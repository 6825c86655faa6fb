"""Options of an exported module."""

from dataclasses import dataclass
from pathlib import Path

from bertferry.core.choices import check_choice, check_count
from bertferry.core.errors import UsageError
from bertferry.core.inner_outputs import INNER
from bertferry.core.tasks import TASKS

MODULE_TASKS = (*TASKS, "text")
EXPORTS = ("module", "preprocessing")
MODULE_PRECISIONS = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
"""Precision names, and the type in which weights are stored and multiplied."""
ONNX_FILES = {"fp32": "model.onnx", "fp16": "model_fp16.onnx", "int8": "model_quantized.onnx"}
"""File names in the `onnx/` folder of a module, by precision."""


@dataclass(frozen=True)
class ModuleOptions:
    """Options of an exported module.

    Attributes:
      task: what the module computes, one of `MODULE_TASKS`; `text` maps strings to embeddings.
      export: `module`, or `preprocessing` for a module that maps strings to encoder inputs.
      init_missing_head: initialize a missing head or pooler from BERT's initial distribution.
      num_labels: number of classes of an initialized classifier.
      vocab: vocabulary; default: `vocab.txt` next to the checkpoint.
      precision: `fp32`, `fp16` or `bf16`: type of weights and matrix products; outputs are always float32.
      inner: outputs besides those of the task, of `INNER`: the hidden states, and the attention maps, of every
        layer.
      freeze: parts to exclude from `trainable_variables`, see `frozen_parameters`.
      onnx: precisions in which to export the task as ONNX too, to the `onnx/` folder of the module.
      verify: run the parity check before the output takes its name.

    Raises:
      UsageError: an unknown name, or conflicting options.
    """

    task: str = "encoder"
    export: str = "module"
    init_missing_head: bool = False
    num_labels: int | None = None
    vocab: str | Path | None = None
    precision: str = "fp32"
    inner: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    onnx: tuple[str, ...] = ()
    verify: bool = True

    def __post_init__(self) -> None:
        check_choice("export", self.export, EXPORTS)
        check_choice("task", self.task, MODULE_TASKS)
        check_choice("precision", self.precision, MODULE_PRECISIONS)
        for precision in self.onnx:
            check_choice("ONNX precision", precision, ONNX_FILES)
        for kind in self.inner:
            check_choice("outputs", kind, INNER)
        if self.inner and self.kind not in TASKS:
            flags = ", ".join(f"--{kind.replace('_', '-')}" for kind in self.inner)
            raise UsageError(f"{flags}: for a module that takes ids, not {self.kind}")
        check_count("num_labels", self.num_labels)
        if self.onnx and self.kind not in TASKS:
            raise UsageError("--onnx: ONNX has no text operations: export an encoder task")
        if self.freeze and self.precision != "fp32":
            raise UsageError(f"--freeze is for --precision fp32: no weight is trained in {self.precision}")

    @property
    def kind(self) -> str:
        """Kind of module: one of `TASKS`, `text` or `preprocessing`."""
        return "preprocessing" if self.export == "preprocessing" else self.task

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads of the task; text modules have none."""
        return TASKS[self.kind].heads if self.kind in TASKS else ()
