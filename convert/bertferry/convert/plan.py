"""What a conversion will write: the target's form, its rows, and where each value comes from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bertferry.convert.checkpoint import Checkpoint, with_parameters
from bertferry.convert.layout import Form, Layout, Row
from bertferry.convert.layouts import LAYOUTS, TARGETS, WRITTEN
from bertferry.core import axes
from bertferry.core.errors import DataError, UsageError
from bertferry.core.parameters import parameter_names

Task = Literal["encoder", "mlm", "pretrainer", "classifier", "span", "all"]
TASKS: tuple[Task, ...] = ("encoder", "mlm", "pretrainer", "classifier", "span", "all")
TASK_HEADS: dict[str, tuple[str, ...]] = {
    "encoder": (),
    "mlm": ("mlm",),
    "pretrainer": ("mlm", "nsp"),
    "classifier": ("classifier",),
    "span": ("span",),
}
TASK_OF_HEAD = {"mlm": "pretrainer", "nsp": "pretrainer", "classifier": "classifier", "span": "span"}
DTYPES = ("float32", "float16", "bfloat16", "float64")


def task_parameters(task: str, num_layers: int) -> tuple[str, ...]:
    """Canonical names of what a task's outputs depend on: a span labeler has no use for a pooler."""
    names = parameter_names(num_layers, TASK_HEADS[task])
    return tuple(name for name in names if task != "span" or not name.startswith("pooler/"))


@dataclass(frozen=True)
class Plan:
    """The rows of the target file, in order; `dtype` is the type to cast to, or None to keep each tensor's own."""

    checkpoint: Checkpoint
    target: Layout
    form: Form
    rows: tuple[Row, ...]
    dtype: str | None

    def shape(self, row: Row) -> tuple[int, ...]:
        """The shape of a row's tensor in the target."""
        return axes.shape(row.axes, self.checkpoint.sizes)

    def dtype_of(self, row: Row) -> str:
        """The type of a row's tensor in the target, by NumPy's name."""
        return self.dtype or self.checkpoint.stored_info(row.parameter).dtype

    def keeps_bytes(self, row: Row) -> bool:
        """Whether a row's tensor has the same bytes in the source as in the target."""
        return (
            row.parameter not in self.checkpoint.fresh
            and axes.same_bytes(self.checkpoint.stored_axes(row.parameter), row.axes)
            and self.dtype_of(row) == self.checkpoint.stored_info(row.parameter).dtype
        )

    def value(self, row: Row) -> axes.Tensor:
        """The tensor to write: an array of the reader's library where its type stays, else of NumPy.

        Raises:
          DataError: the bytes of the source are damaged, or a value does not fit the type asked for.
        """
        value = self.checkpoint.load(row.parameter, row.axes)
        if self.dtype_of(row) == self.checkpoint.stored_info(row.parameter).dtype:
            return value
        return cast(np.asarray(value), self.dtype_of(row), row)


def plan(
    checkpoint: Checkpoint,
    to: str,
    task: Task | None = None,
    *,
    dtype: str | None = None,
    init_missing_head: bool = False,
    num_labels: int | None = None,
) -> Plan:
    """How to write a checkpoint in another layout.

    Raises:
      UsageError: an unknown name, or a target that has no form for these heads or this architecture.
      DataError: the task needs a parameter that the source lacks.
    """
    target = _target(checkpoint, to)
    wanted = _wanted_heads(checkpoint, target, task)
    form = target.form_with(wanted)
    if form is None:
        raise UsageError(
            f"{to} has no file for {', '.join(wanted) or 'an encoder alone'}: choose another --task or --to"
        )
    layers = checkpoint.config.num_layers
    rows = (*target.bind(form, layers), *target.superseded(form, layers))
    needed = tuple(dict.fromkeys(row.parameter for row in rows))
    use = f"{target.name} needs for {'these heads' if wanted else 'an encoder'}"
    checkpoint = with_parameters(
        checkpoint, needed, use, init_missing_head=init_missing_head, num_labels=num_labels
    )
    return Plan(checkpoint, target, form, rows, dtype)


def check_choices(to: str, task: Task | None, dtype: str | None) -> None:
    """Refuses names that no source could make valid, before any file is opened.

    Raises:
      UsageError: naming the known ones.
    """
    if to in LAYOUTS and to not in TARGETS:
        raise UsageError(f"target layout {to!r} is only read: written are {', '.join(TARGETS)}")
    known = {"target layout": (to, TARGETS), "task": (task, TASKS), "type": (dtype, DTYPES)}
    for what, (name, names) in known.items():
        if name is not None and name not in names:
            raise UsageError(f"unknown {what} {name!r}: known are {', '.join(names)}")


def _target(checkpoint: Checkpoint, to: str) -> Layout:
    source = checkpoint.layout
    able = [layout for layout in WRITTEN if layout.architecture == source.architecture]
    for layout in able:
        if layout.family == to:
            return layout
    raise UsageError(
        f"{checkpoint.location.path}: {to} cannot hold an {source.model_type.upper()} encoder: "
        f"choose --to {' or '.join(layout.family for layout in able)}"
    )


def _wanted_heads(checkpoint: Checkpoint, target: Layout, task: Task | None) -> tuple[str, ...]:
    task = task or target.default_task
    if task != "encoder" and checkpoint.match.outside:
        raise DataError(
            f"{checkpoint.location.path}: read as {checkpoint.layout.name}: unexpected "
            f"{checkpoint.outside_sample()}: give --task encoder to take the encoder alone"
        )
    return checkpoint.heads if task == "all" else TASK_HEADS[task]


def cast(value: np.ndarray, dtype: str, row: Row) -> np.ndarray:
    """The values in another type, rounded to nearest.

    Raises:
      DataError: a finite value that becomes infinite.
    """
    with np.errstate(over="ignore"):
        result = value.astype(np.dtype(dtype))
    lost = np.isfinite(value) & ~np.isfinite(result)
    if lost.any():
        raise DataError(
            f"{row.parameter}: {value[lost].flat[0]:g} does not fit into {dtype}: choose another --dtype"
        )
    return result
