"""What a conversion will write: the target's form, its rows, and where each value comes from."""

from collections.abc import Iterator
from dataclasses import dataclass

from bertferry.convert.as_bert import as_bert, notes_as_bert, reason_not_bert
from bertferry.convert.checkpoint import Checkpoint
from bertferry.convert.chunks import blocks, bytes_of
from bertferry.convert.heads import check_mlm, check_nothing_trained_is_left, with_heads, with_parameters
from bertferry.convert.layout import Form, Layout, Row
from bertferry.convert.layouts import WRITTEN
from bertferry.convert.options import ConversionOptions
from bertferry.core import axes
from bertferry.core.casting import cast
from bertferry.core.config import LAYER_NORM_EPSILON
from bertferry.core.errors import DataError, UsageError
from bertferry.core.tasks import CONVERTED_TASKS, has_classes


@dataclass(frozen=True)
class PlannedTensor:
    """A tensor of the target: its row, its name in the source, its shape and type, what it keeps.

    An initialized parameter has no source.
    """

    row: Row
    source: str | None
    shape: tuple[int, ...]
    dtype: str
    keeps_type: bool
    keeps_bytes: bool

    @property
    def parameter(self) -> str:
        """Its canonical name."""
        return self.row.parameter

    @property
    def stored(self) -> str:
        """Its name in the target."""
        return self.row.stored


@dataclass(frozen=True)
class Plan:
    """The tensors of the target file, in order, and the checkpoint that they come from; `step` is the value of the
    target's step counter, if it has one; `notes` say on which inputs it computes otherwise than the source."""

    checkpoint: Checkpoint
    target: Layout
    form: Form
    tensors: tuple[PlannedTensor, ...]
    step: int = 0
    notes: tuple[str, ...] = ()

    def pieces(self, tensor: PlannedTensor) -> Iterator[memoryview]:
        """The bytes to write in bounded pieces: those of the source if they are kept, else those of the values.

        Raises:
          DataError: the bytes of the source are damaged, or a value does not fit into the requested type.
        """
        if tensor.keeps_bytes and tensor.source is not None:
            yield from self.checkpoint.reader.chunks(tensor.source)
            return
        for block in blocks(self.checkpoint.read(tensor.parameter, tensor.row.axes)):
            if not tensor.keeps_type:
                block = cast(block, tensor.dtype, tensor.parameter, "choose another --dtype")
            yield bytes_of(block)


def plan(checkpoint: Checkpoint, options: ConversionOptions) -> Plan:
    """How to write a checkpoint in another layout.

    Raises:
      UsageError: an unknown name, or a target that has no form for these heads or this architecture.
      DataError: the task needs a parameter that the source lacks.
    """
    targets = _targets(checkpoint, options)
    target = targets[0]
    is_other = target.architecture != checkpoint.config.switches.tables
    if is_other:
        _check_is_bert(checkpoint, options, ())
    task = options.task or target.default_task
    if options.task is None and task != "all":
        check_nothing_trained_is_left(checkpoint, target)
    same_names = target.naming != "safetensors"  # only transformers' configuration states the class
    checkpoint = with_heads(
        checkpoint, None if task == "all" else CONVERTED_TASKS[task].heads, undecided=same_names
    )
    wanted = _wanted_heads(checkpoint, task)
    notes: tuple[str, ...] = ()
    if is_other:
        _check_is_bert(checkpoint, options, wanted)
        notes = notes_as_bert(checkpoint.config)
        checkpoint = as_bert(checkpoint, wanted)
    _check_epsilon(checkpoint, target)
    pooler = checkpoint.task("encoder").pooler
    target = next((one for one in targets if one.form_with(wanted)), target)
    check_mlm(checkpoint, target, wanted)
    form = target.form_with(wanted, pooler=pooler)
    if form is None:
        raise UsageError(
            f"{options.to} has no file for {', '.join(wanted) or 'an encoder alone'}",
            "choose another --task or --to",
        )
    layers = checkpoint.config.num_layers
    rows = (*target.bind(form, layers, sizes=checkpoint.sizes), *target.superseded_rows(form, layers))
    needed = tuple(dict.fromkeys(row.parameter for row in rows))
    use = f"{target.name} for {'these heads' if wanted else 'an encoder'}"
    checkpoint = with_parameters(
        checkpoint, needed, use, init_missing_head=options.init_missing_head, num_labels=options.num_labels
    )
    if checkpoint.options.labels is not None and not any(has_classes(head) for head in wanted):
        raise UsageError(f"{checkpoint.options.labels}: {options.to} gets no classifier that labels could name")
    tensors = tuple(_plan_tensor(checkpoint, row, options.dtype) for row in rows)
    return Plan(checkpoint, target, form, tensors, options.global_step or 0, notes)


def _plan_tensor(checkpoint: Checkpoint, row: Row, dtype: str | None) -> PlannedTensor:
    info, initialized = checkpoint.stored_info(row.parameter), row.parameter in checkpoint.initialized
    keeps_type = dtype in (None, info.dtype)
    same_bytes = not initialized and axes.same_bytes(checkpoint.stored_axes(row.parameter), row.axes)
    return PlannedTensor(
        row,
        None if initialized else checkpoint.stored_name(row.parameter),
        axes.shape(row.axes, checkpoint.sizes),
        dtype or info.dtype,
        keeps_type,
        keeps_type and same_bytes,
    )


def _targets(checkpoint: Checkpoint, options: ConversionOptions) -> list[Layout]:
    """The layouts of a kind of file for the source's architecture, which differ in their heads, that of the source
    first; those for BERT if there are none, or if they are asked for."""
    own, projected = options.architecture or checkpoint.config.switches.tables, checkpoint.config.is_projected
    of_kind = [layout for layout in WRITTEN if layout.family == options.to]
    targets = [
        one
        for one in of_kind
        if one.architecture == own and one.is_projected(checkpoint.sizes) is (projected and own != "bert")
    ]
    of_bert = [one for one in of_kind if one.architecture == "bert"]
    return sorted(targets or of_bert, key=lambda layout: layout is not checkpoint.layout)


def _check_is_bert(checkpoint: Checkpoint, options: ConversionOptions, heads: tuple[str, ...]) -> None:
    """Refuses to write as a BERT, which alone the target holds, what no BERT computes.

    Raises:
      UsageError: what BERT does not compute.
    """
    if not (reason := reason_not_bert(checkpoint, heads)):
        return
    source = checkpoint.config.switches
    others = dict.fromkeys(one.family for one in WRITTEN if one.architecture == source.tables)
    raise UsageError(
        f"{checkpoint.location.path}: {'BERT' if options.architecture else options.to} cannot hold "
        f"{_article(source.name)} encoder: {reason}",
        "leave out --architecture" if options.architecture else f"choose --to {' or '.join(others)}",
    )


def _article(architecture: str) -> str:
    """Its name with an article."""
    return f"{'an' if architecture[0] in 'aeiou' else 'a'} {architecture.upper()}"


def _check_epsilon(checkpoint: Checkpoint, target: Layout) -> None:
    """Refuses to write a file whose readers would compute with another ε."""
    epsilon = checkpoint.config.layer_norm_eps
    if epsilon == LAYER_NORM_EPSILON or target.holds_epsilon:
        return
    architectures = (target.architecture, checkpoint.layout.architecture)
    others = dict.fromkeys(
        one.family for one in WRITTEN if one.holds_epsilon and one.architecture in architectures
    )
    raise UsageError(
        f"{checkpoint.location.path}: layer_norm_eps is {epsilon}, which {target.family} cannot hold: its readers "
        f"compute with {LAYER_NORM_EPSILON}",
        f"choose --to {' or '.join(others)}",
    )


def _wanted_heads(checkpoint: Checkpoint, task: str) -> tuple[str, ...]:
    if task != "encoder" and checkpoint.match.outside:
        raise DataError(
            f"{checkpoint.location.path}: read as {checkpoint.layout.name}: unexpected "
            f"{checkpoint.outside_sample()}",
            "give --task encoder to take the encoder alone",
        )
    return checkpoint.heads if task == "all" else CONVERTED_TASKS[task].heads
