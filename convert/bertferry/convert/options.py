"""Options for what a conversion writes."""

from dataclasses import dataclass

from bertferry.convert.layouts import LAYOUTS, TARGETS
from bertferry.core.choices import check_choice, check_count
from bertferry.core.errors import UsageError
from bertferry.core.tasks import CONVERTED_TASKS

TASK_CHOICES = (*CONVERTED_TASKS, "all")
"""Which heads a conversion may keep: those of a task, or all."""
ARCHITECTURE_CHOICES = ("bert",)
"""Of a target; what is made for one that computes more is not made from one that computes less."""
TARGET_DTYPES = ("float32", "float16", "bfloat16", "float64")


@dataclass(frozen=True)
class ConversionOptions:
    """What a conversion writes.

    Attributes:
      to: the target layout, one of `TARGETS`.
      task: which heads to keep, one of `TASK_CHOICES`; by default those that the target layout was released with.
      dtype: cast every tensor to this type, one of `TARGET_DTYPES`; by default each keeps its own.
      init_missing_head: initialize heads and poolers that the source lacks, as BERT does.
      num_labels: the number of classes of a classifier that is initialized.
      architecture: `bert` writes another architecture as a BERT that computes the same, if there is one; by
        default only in layouts that have no names for its own.
      global_step: the step that training continues from, for `tf1`, whose readers ask for one; by default 0.

    Raises:
      UsageError: an unknown name, a number of classes that is not positive, or a step that is negative.
    """

    to: str = "keras_bert"
    task: str | None = None
    dtype: str | None = None
    init_missing_head: bool = False
    num_labels: int | None = None
    global_step: int | None = None
    architecture: str | None = None

    def __post_init__(self) -> None:
        if self.to in LAYOUTS and self.to not in TARGETS:
            raise UsageError(f"target layout {self.to!r} is only read: expected one of {', '.join(TARGETS)}")
        check_choice("target layout", self.to, TARGETS)
        check_choice("task", self.task, TASK_CHOICES)
        check_choice("type", self.dtype, TARGET_DTYPES)
        check_choice("architecture", self.architecture, ARCHITECTURE_CHOICES)
        check_count("num_labels", self.num_labels)
        if self.global_step is not None and self.to != "tf1":
            raise UsageError(f"--global-step applies to --to tf1: {self.to} has no step counter: leave it out")
        if self.global_step is not None and not 0 <= self.global_step < 2**63:
            raise UsageError(f"global_step is {self.global_step}: it must be a number from 0 to 2**63 - 1")
