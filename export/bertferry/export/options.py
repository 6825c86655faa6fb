"""What an exported module is."""

from dataclasses import dataclass
from pathlib import Path

from bertferry.core.choices import check_choice, check_count
from bertferry.core.errors import UsageError
from bertferry.core.tasks import TASKS
from bertferry.export.sentence import POOLINGS

MODULE_TASKS = (*TASKS, "text")
EXPORTS = ("module", "preprocessing")
MODULE_PRECISIONS = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
"""And the type that the weights are stored and multiplied in."""
ONNX_FILES = {"fp32": "model.onnx", "fp16": "model_fp16.onnx", "int8": "model_int8.onnx"}
"""The files in `onnx/` of a module, by precision."""


@dataclass(frozen=True)
class ModuleOptions:
    """What an exported module is.

    Attributes:
      task: what the module computes, one of `MODULE_TASKS`; `text` maps strings to embeddings.
      export: `module`, or `preprocessing`: what maps strings to the inputs of an encoder with this vocabulary.
      pooling: of the task `text`: `cls`, `pooled` or `mean`, by default as the sentence-transformers configuration
        beside the checkpoint says.
      init_missing_head: initialize a head or pooler that the checkpoint lacks, as BERT is.
      num_labels: the number of classes of a classifier that is initialized.
      vocab: the vocabulary, by default `vocab.txt` beside the checkpoint.
      do_lower_case: whether texts are lower-cased, by default as the tokenizer configuration beside the
        checkpoint says.
      precision: `fp32`, or `fp16` or `bf16`: weights and products in that type, half the size; outputs are
        float32 in any case.
      freeze: what is left out of `trainable_variables`, see `frozen_parameters`.
      onnx: precisions to export as ONNX too, into `onnx/` of the directory.
      verify: run the parity check before the output appears.

    Raises:
      UsageError: an unknown name, or options that do not go together.
    """

    task: str = "encoder"
    export: str = "module"
    pooling: str | None = None
    init_missing_head: bool = False
    num_labels: int | None = None
    vocab: str | Path | None = None
    do_lower_case: bool | None = None
    precision: str = "fp32"
    freeze: tuple[str, ...] = ()
    onnx: tuple[str, ...] = ()
    verify: bool = True

    def __post_init__(self) -> None:
        check_choice("export", self.export, EXPORTS)
        check_choice("task", self.task, MODULE_TASKS)
        check_choice("precision", self.precision, MODULE_PRECISIONS)
        check_choice("pooling", self.pooling, POOLINGS)
        for precision in self.onnx:
            check_choice("ONNX precision", precision, ONNX_FILES)
        check_count("num_labels", self.num_labels)
        if self.onnx and self.kind not in TASKS:
            raise UsageError("--onnx: ONNX has no operations for text; export an encoder's task")
        if self.pooling is not None and self.kind != "text":
            raise UsageError(f"--pooling is for --task text, not {self.task}")

    @property
    def kind(self) -> str:
        """What is written: a module of one of `TASKS`, of `text`, or `preprocessing`."""
        return "preprocessing" if self.export == "preprocessing" else self.task

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads of the task; modules of texts have none."""
        return TASKS[self.kind].heads if self.kind in TASKS else ()
