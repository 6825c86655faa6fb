"""The heads that a checkpoint is read with: those that it has, or may have, and those that are initialized."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from fnmatch import fnmatchcase

from bertferry.convert.checkpoint import Checkpoint
from bertferry.convert.classifier_config import ClassifierConfig
from bertferry.convert.layout import Layout
from bertferry.convert.layouts import WRITTEN
from bertferry.convert.match import sample, shape_fault
from bertferry.core.config import ConfigError
from bertferry.core.errors import DataError, UsageError
from bertferry.core.parameters import axis_sizes, canonical_axes, task_parameters
from bertferry.core.tasks import CONVERTED_TASKS, TASKS, has_classes, heads_computed_like, task_that_keeps

PRETRAINING = TASKS["pretrainer"].heads
PRETRAINING_NAMES = (
    *("cls[./]*", "*[./]cls[./]*", "*predictions[./]*"),
    *("*next_sentence*", "*masked_lm*", "*classification_heads*"),
)
"""Stored names of pretraining heads that no layout has, as globs."""


def possible_heads(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The heads in the file, and those that it may have instead if neither names nor configuration decide."""
    return (*checkpoint.heads, *(head for twin in checkpoint.match.twins for head in twin.form.heads))


def tasks_that_keep(checkpoint: Checkpoint, heads: Iterable[str]) -> str:
    """The flags that keep these heads, for a message."""
    return " or ".join(f"--task {task_that_keeps(head, checkpoint.heads)}" for head in heads)


def flags_that_keep(checkpoint: Checkpoint, heads: Collection[str], target: Layout) -> str:
    """The same if the target has a file for one of these heads, or else the targets that can keep any."""
    tasks = {head: CONVERTED_TASKS[task_that_keeps(head, checkpoint.heads)].heads for head in heads}
    written = [layout for layout in WRITTEN if layout.architecture == target.architecture]
    held = [
        head
        for head, task in tasks.items()
        if any(layout.family == target.family and layout.form_with(task) for layout in written)
    ]
    if held:
        return tasks_that_keep(checkpoint, held)
    keeping = [layout for layout in written if layout.default_task == "all" and layout.holds_epsilon]
    others = dict.fromkeys(one.family for one in keeping if any(map(one.form_with, tasks.values())))
    return " or ".join(f"--to {family}" for family in others)


def check_nothing_trained_is_left(checkpoint: Checkpoint, target: Layout) -> None:
    """Refuses to leave out by default the head that a model was fine-tuned for.

    Those of pretraining are left out by default, as in the released files of the layouts with this default.

    Raises:
      UsageError: the file has such a head.
    """
    trained = [head for head in possible_heads(checkpoint) if head not in PRETRAINING]
    own = [
        key
        for key in checkpoint.match.outside
        if len(checkpoint.reader.tensors[key].shape) > 1
        and not any(fnmatchcase(key, glob) for glob in PRETRAINING_NAMES)
    ]
    if not trained and not own:
        return
    name = checkpoint.stored_name(f"{trained[0]}/kernel") if trained else own[0]
    keep = flags_that_keep(checkpoint, trained, target)
    raise UsageError(
        f"{checkpoint.location.path}: {name} is of a trained head, which {target.name} leaves out by default",
        f"give {f'{keep} to keep it, or ' if keep else ''}--task encoder to leave it out",
    )


def with_heads(checkpoint: Checkpoint, wanted: Collection[str] | None, *, undecided: bool = False) -> Checkpoint:
    """The checkpoint, with an ambiguous head read as the one that is wanted; None means all heads that it has.

    With `undecided` a head that may be one or the other stays so, unless the configuration states a third one.

    Raises:
      UsageError: all are wanted, and nothing decides which head it is.
      DataError: the labels of the configuration do not match the classes of the head.
    """
    if not checkpoint.is_decided and wanted is None and undecided and not checkpoint.classifier.stated:
        checkpoint = replace(checkpoint, classifier=replace(checkpoint.classifier, decided=False))
    elif not checkpoint.is_decided and wanted is None:
        tasks = tasks_that_keep(checkpoint, possible_heads(checkpoint))
        name = checkpoint.stored_name(checkpoint.parameters[-1])
        stated = checkpoint.classifier.stated
        owner = f"is of a {stated}, which is neither" if stated else "may belong to either head"
        raise UsageError(
            f"{checkpoint.location.path}: {name} {owner}",
            f"give {tasks} to read it so, or --task encoder to leave it out",
        )
    if not checkpoint.is_decided and wanted is not None:
        readings = (checkpoint.match, *checkpoint.match.twins)
        reading = next((reading for reading in readings if set(reading.form.heads) & set(wanted)), None)
        checkpoint = checkpoint if reading is None else replace(checkpoint, match=replace(reading, twins=[]))
    elif wanted is not None:
        checkpoint = _read_alike(checkpoint, wanted)
    if wanted is None or set(checkpoint.heads) & set(wanted):
        _check_labels(checkpoint)
    check_mlm(checkpoint, checkpoint.layout, checkpoint.heads if wanted is None else wanted)
    return checkpoint


def check_mlm(checkpoint: Checkpoint, layout: Layout, heads: Collection[str]) -> None:
    """Refuses a masked-LM head if the programs that use a layout's files compute it otherwise than it is here.

    Raises:
      UsageError: with both activations.
    """
    own, configured = checkpoint.config.switches.mlm_activation, checkpoint.config.activation
    if layout.configured_mlm and "mlm" in heads and own not in (None, configured):
        raise UsageError(
            f"{checkpoint.location.path}: the masked-LM head of {layout.name} has the encoder's activation, "
            f"{configured}, where that of transformers has {own}",
            "give --task encoder to leave it out",
        )


def _read_alike(checkpoint: Checkpoint, wanted: Collection[str]) -> Checkpoint:
    """The checkpoint, with its head read as the wanted one if that computes the same from the same tensors."""
    old, tensors = checkpoint.match, checkpoint.reader.tensors
    for own in checkpoint.heads:
        for head in (alike for alike in heads_computed_like(own) if alike in wanted):
            rows = [(key, row.of_head(head, own)) for key, row in old.found.values()]
            sizes = axis_sizes(checkpoint.config)  # and those that shape_fault adds
            if not any(shape_fault(tensors[key], row, sizes) for key, row in rows):
                found = {row.parameter: (key, row) for key, row in rows}
                form = replace(old.form, heads=(head,))
                read = replace(checkpoint, match=replace(old, form=form, sizes=sizes, found=found))
                named = has_classes(own) or checkpoint.options.labels
                return read if named else replace(read, classifier=replace(read.classifier, labels={}))
    return checkpoint


def with_task(checkpoint: Checkpoint, task: str) -> Checkpoint:
    """The checkpoint as a task reads it.

    Raises:
      DataError: it lacks a parameter of the task.
    """
    checkpoint = with_heads(checkpoint, CONVERTED_TASKS[task].heads)
    needed = task_parameters(checkpoint.task(task), checkpoint.config)
    return with_parameters(checkpoint, needed, f"task {task}")


def _check_labels(checkpoint: Checkpoint) -> None:
    if (classes := checkpoint.sizes.get("classes")) is None:
        return
    try:
        checkpoint.classifier.check(classes)
    except ConfigError as error:
        stated = checkpoint.options.labels or checkpoint.location.config
        raise DataError(f"{stated}: {error}") from error


def with_parameters(
    checkpoint: Checkpoint,
    needed: Iterable[str],
    use: str,
    *,
    init_missing_head: bool = False,
    num_labels: int | None = None,
) -> Checkpoint:
    """The checkpoint, with the parameters of heads and poolers that it lacks initialized.

    Args:
      needed: canonical names.
      use: what requires them, for the error: `task mlm`.
      init_missing_head: initialize what is missing, unless it is the encoder itself.
      num_labels: the number of classes of a classifier that is initialized.

    Raises:
      DataError: parameters are missing.
      UsageError: a classifier that is initialized without its number of classes.
    """
    missing = tuple(name for name in needed if name not in checkpoint.parameters)
    has_unsized = any("classes" in canonical_axes(name) for name in missing)
    if num_labels is not None and not has_unsized:
        raise UsageError("--num-labels applies to a classifier that is initialized, and none is: leave it out")
    if not missing:
        return checkpoint
    if any(name.startswith(("embeddings/", "encoder/")) for name in missing):
        raise DataError(f"{checkpoint.location.path}: missing {sample(list(missing))} (required by {use})")
    if not init_missing_head:
        raise DataError(
            f"{checkpoint.location.path}: missing {', '.join(missing)} (required by {use})",
            "give --init-missing-head to initialize them",
        )
    if not has_unsized:
        return replace(checkpoint, initialized=missing)
    stated = ClassifierConfig().with_labels(checkpoint.options.labels)
    num_labels = num_labels or len(stated.labels.get("id2label", ()))
    if not num_labels:
        raise UsageError(
            "a classifier that is initialized requires its number of classes",
            "give --num-labels N or --labels FILE",
        )
    sized = replace(checkpoint.match, sizes={**checkpoint.sizes, "classes": num_labels})
    checkpoint = replace(checkpoint, match=sized, classifier=stated, initialized=missing)
    _check_labels(checkpoint)
    return checkpoint
