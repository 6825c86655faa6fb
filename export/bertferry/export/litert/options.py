"""Options of a LiteRT file."""

from dataclasses import dataclass

from bertferry.core.choices import check_choice
from bertferry.core.errors import UsageError
from bertferry.core.graph_names import NAMINGS
from bertferry.core.tasks import LITERT_TASKS

LITERT_PRECISIONS = ("fp32", "fp16", "int8")


@dataclass(frozen=True)
class LitertOptions:
    """Options of a LiteRT file, made from a checkpoint or a SavedModel.

    Attributes:
      task: task of a checkpoint, one of `LITERT_TASKS`; `embeddings` pools the encoder's outputs.
      signature: name of a SavedModel's signature.
      precision: of the weights, one of `LITERT_PRECISIONS`: `fp16` are widened where they are used; `int8` are
        per channel, with activations quantized as they come (dynamic range).
      names: of inputs and outputs of a checkpoint's graph, one of `NAMINGS`: those of this project, or those of
        transformers; default: the latter if the source or the target is a Hugging Face folder.
      int64_inputs: use int64 instead of int32 inputs for a checkpoint.
      verify: run the parity check before the output takes its name.
      inputs: an `.npz` file of inputs for the check, in place of the probes.

    Raises:
      UsageError: an unknown name, or conflicting options.
    """

    task: str = "encoder"
    signature: str = "serving_default"
    precision: str = "fp32"
    names: str | None = None
    int64_inputs: bool = False
    verify: bool = True
    inputs: str | None = None

    def __post_init__(self) -> None:
        check_choice("task", self.task, LITERT_TASKS)
        check_choice("precision", self.precision, LITERT_PRECISIONS)
        check_choice("names", self.names, NAMINGS)
        if self.inputs is not None and not self.verify:
            raise UsageError("--inputs is for the parity check, which --no-verify skips")
