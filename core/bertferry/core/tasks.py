"""The table of tasks, from which networks, layouts, signatures, ONNX graphs, probes and model cards follow.

A new head is an entry in `HEADS`, one in `TASKS`, or `CONVERTED_TASKS` if no network computes it, and its rows in
the layouts that store it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from bertferry.core.inner_outputs import InnerSpec, inner_spec
from bertferry.core.tensors import TensorSpec


def _integers(name: str, *dims: str) -> TensorSpec:
    return TensorSpec(name, "int32", dims)


def _floats(name: str, dims: str, meaning: str = "") -> TensorSpec:
    return TensorSpec(name, "float32", tuple(dims.split()), meaning)


ENCODER_INPUT_SPECS = tuple(
    _integers(name, "batch", "sequence") for name in ("input_word_ids", "input_mask", "input_type_ids")
)
ENCODER_INPUTS = tuple(spec.name for spec in ENCODER_INPUT_SPECS)
"""Names of the encoder's inputs, in the order of a list call."""
POSITIONS_INPUT = "masked_lm_positions"
ENCODER_OUTPUTS = (
    _floats("sequence_output", "batch sequence hidden", "one vector per token"),
    _floats("pooled_output", "batch pooled", "the first position through the pooler"),
)
EMBEDDINGS = "embeddings"
SENTENCE_OUTPUTS = (_floats("sentence_embedding", "batch sentence", "one vector per text"),)


@dataclass(frozen=True)
class HeadSpec:
    """A head on top of the encoder: its parameters with their axes, what it reads, and its outputs.

    It reads the vectors of all tokens (`sequence`), those at some positions (`predictions`), or the pooled one.
    Its outputs are the columns of its last axis, unless that is an axis of theirs. `inner` is the place of a layer
    before the last one, with the encoder's activation. `dropout` says whether fine-tuning applies dropout to what
    it reads. `stored_as` is the head under whose names every layout stores it, if it has no names of its own: the
    tensors of a file do not show which of the two it contains.
    """

    parameters: Mapping[str, str]
    reads: Literal["sequence", "predictions", "pooled"]
    outputs: tuple[TensorSpec, ...]
    inner: str = ""
    dropout: bool = False
    stored_as: str = ""

    @property
    def returns_columns(self) -> bool:
        """Whether each output is a column of the last axis."""
        return list(self.parameters.values())[-1] not in self.outputs[0].dims


HEADS: dict[str, HeadSpec] = {
    "mlm": HeadSpec(
        {
            "mlm/dense/kernel": "hidden transform",
            "mlm/dense/bias": "transform",
            "mlm/norm/gamma": "transform",
            "mlm/norm/beta": "transform",
            "mlm/bias": "vocab",
        },
        "predictions",
        (_floats("mlm_logits", "batch predictions vocab"),),
    ),
    "nsp": HeadSpec(
        {"nsp/kernel": "hidden nsp", "nsp/bias": "nsp"}, "pooled", (_floats("nsp_logits", "batch nsp"),)
    ),
    "classifier": HeadSpec(
        {"classifier/kernel": "hidden classes", "classifier/bias": "classes"},
        "pooled",
        (_floats("logits", "batch classes"),),
        dropout=True,
    ),
    "tokens": HeadSpec(
        {"tokens/kernel": "hidden classes", "tokens/bias": "classes"},
        "sequence",
        (_floats("logits", "batch sequence classes"),),
        dropout=True,
        stored_as="classifier",
    ),
    "choice": HeadSpec(
        {"choice/kernel": "hidden choice", "choice/bias": "choice"},
        "pooled",
        (_floats("logits", "batch choice"),),
        dropout=True,
        stored_as="classifier",
    ),
    "discriminator": HeadSpec(
        {
            "discriminator/dense/kernel": "hidden judged",
            "discriminator/dense/bias": "judged",
            "discriminator/kernel": "judged replaced",
            "discriminator/bias": "replaced",
        },
        "sequence",
        (_floats("replaced_logits", "batch sequence", "whether each token was replaced"),),
        inner="discriminator/dense",
    ),
    "span": HeadSpec(
        {"span/kernel": "hidden span", "span/bias": "span"},
        "sequence",
        (_floats("start_logits", "batch sequence"), _floats("end_logits", "batch sequence")),
    ),
}
"""Every head by name, which is also the first part of its parameters' names."""

TRANSFORMERS_CLASSES: dict[tuple[str, ...], str] = {
    (): "Model",
    ("mlm", "nsp"): "ForPreTraining",
    ("mlm",): "ForMaskedLM",
    ("nsp",): "ForNextSentencePrediction",
    ("classifier",): "ForSequenceClassification",
    ("tokens",): "ForTokenClassification",
    ("choice",): "ForMultipleChoice",
    ("discriminator",): "ForPreTraining",
    ("span",): "ForQuestionAnswering",
}
"""The name of a transformers class with these heads, after that of the architecture."""


@dataclass(frozen=True)
class TaskSpec:
    """What a model computes: the outputs of its heads and, if `encoder`, those of the encoder.

    An encoder without a `pooler` has the vectors of its tokens only. `poolings`, as in `bertferry.core.sentence`,
    make the embedding of a text of these. `inner` are outputs on request. Without `segments`, it takes none. With
    `grouped`, the choices of a question are an axis of their own; else each is a row.
    """

    name: str
    heads: tuple[str, ...] = ()
    encoder: bool = True
    pooler: bool = True
    poolings: tuple[str, ...] = ()
    inner: tuple[InnerSpec, ...] = ()
    segments: bool = True
    grouped: bool = False

    @property
    def head_specs(self) -> tuple[HeadSpec, ...]:
        """The heads themselves."""
        return tuple(HEADS[head] for head in self.heads)

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Those of the encoder, and the positions if a head reads them."""
        positions = any(head.reads == "predictions" for head in self.head_specs)
        encoder = ENCODER_INPUT_SPECS if self.segments else ENCODER_INPUT_SPECS[:-1]
        if self.grouped:
            return tuple(_integers(spec.name, "batch", "choices", "sequence") for spec in encoder)
        return (*encoder, *([_integers(POSITIONS_INPUT, "batch", "predictions")] if positions else []))

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Those of the encoder, if the task has them, those of the heads, then those on request."""
        own = [output for head in self.head_specs for output in head.outputs]
        if self.grouped:
            own = [_floats(output.name, "batch choices") for output in own]
        encoder = ENCODER_OUTPUTS if self.pooler else ENCODER_OUTPUTS[:1]
        sentence = SENTENCE_OUTPUTS if self.poolings else ()
        return (*(encoder if self.encoder else ()), *own, *sentence, *self.inner)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of `inputs`."""
        return tuple(spec.name for spec in self.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of `outputs`."""
        return tuple(spec.name for spec in self.outputs)

    @property
    def listed(self) -> tuple[str, ...]:
        """The outputs that a Hub module returns for a list of inputs, in order; those on request it does not.

        Those of the encoder are in the order of https://www.tensorflow.org/hub/common_saved_model_apis/text.
        """
        encoder = ("pooled_output", "sequence_output") if self.pooler else ("sequence_output",)
        return encoder if self.encoder else replace(self, inner=()).output_names

    @property
    def per_token(self) -> tuple[str, ...]:
        """The names of its outputs that have values per token."""
        return tuple(spec.name for spec in self.outputs if "sequence" in spec.dims)

    @property
    def needs_pooler(self) -> bool:
        """Whether any output depends on the pooler."""
        reads_pooled = any(head.reads == "pooled" for head in self.head_specs) or "pooled" in self.poolings
        return (self.encoder and self.pooler) or reads_pooled


TASKS: dict[str, TaskSpec] = {
    spec.name: spec
    for spec in (
        TaskSpec("encoder"),
        TaskSpec("mlm", ("mlm",)),
        TaskSpec("pretrainer", ("mlm", "nsp")),
        TaskSpec("classifier", ("classifier",), encoder=False),
        TaskSpec("tokens", ("tokens",), encoder=False),
        TaskSpec("span", ("span",), encoder=False),
    )
}
"""Every task that networks in TensorFlow compute, by name. If it has the encoder's outputs, its heads are
sub-objects of a Hub module."""
LITERT_TASKS: dict[str, TaskSpec] = TASKS | {
    EMBEDDINGS: TaskSpec(EMBEDDINGS, encoder=False, poolings=("mean",)),
}
"""Every task of LiteRT files: those, and embeddings, whose poolings the checkpoint's files or a user say."""
CONVERTED_TASKS: dict[str, TaskSpec] = TASKS | {
    head: TaskSpec(head, (head,), encoder=False) for head in ("nsp", "choice", "discriminator")
}
"""Every task whose heads are converted."""
GRAPH_TASKS: dict[str, TaskSpec] = LITERT_TASKS | CONVERTED_TASKS
"""Every task of ONNX graphs and of the network in NumPy."""


def task_spec(name: str, *, pooler: bool = True) -> TaskSpec:
    """A task of an encoder with or without a pooler."""
    return GRAPH_TASKS[name] if pooler else replace(GRAPH_TASKS[name], pooler=False)


CONVENIENCES = ("encoder_outputs", "default")
"""Outputs that only the root call of a Hub module has; they never count as missing or extra."""


def inputs_of(heads: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the inputs of an encoder with these heads."""
    return TaskSpec("", heads).input_names


def has_classes(head: str) -> bool:
    """Whether the checkpoint determines how many values a head returns: a classifier has one per label."""
    return any("classes" in axes for axes in HEADS[head].parameters.values())


def heads_with_names_of(head: str) -> tuple[str, ...]:
    """The other heads that are stored under the same names as this one."""
    names = HEADS[head].stored_as or head
    return tuple(other for other, spec in HEADS.items() if names in (other, spec.stored_as) and other != head)


def heads_computed_like(head: str) -> tuple[str, ...]:
    """Those of them that also compute the same: a head of choices is a classifier of one class."""
    return tuple(other for other in heads_with_names_of(head) if HEADS[other].reads == HEADS[head].reads)


def task_that_keeps(head: str, heads: Collection[str]) -> str:
    """The task to choose in order to keep a head, and as many as possible of the `heads` that a file has."""
    having = (spec for spec in CONVERTED_TASKS.values() if head in spec.heads and {*spec.heads} <= {*heads, head})
    return max(having, key=lambda spec: len(spec.heads)).name


def token_axis(name: str, rank: int) -> int | None:
    """Which axis of an output with this name and rank is the sequence: 1 of [B, S, ...], and of attention maps
    [B, N, S, S] that of the attending tokens; None if there is none."""
    inner = inner_spec(name)
    specs = [inner] if inner else [spec for task in GRAPH_TASKS.values() for spec in task.outputs]
    dims = next((spec.dims for spec in specs if spec.name == name and len(spec.dims) == rank), ())
    return dims.index("sequence") if "sequence" in dims else None
