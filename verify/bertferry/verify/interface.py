"""What an artifact takes and returns, as its files declare it, and the standard names for that."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bertferry.core.errors import UsageError
from bertferry.core.graph_names import ALONE, HUGGING_FACE
from bertferry.core.onnx_files.interface import Dimensions
from bertferry.core.tasks import CONVENIENCES, POSITIONS_INPUT, TaskSpec

KNOWN_INPUTS = {
    "input_word_ids": ("token_ids", "word_ids", "ids", "input_token"),
    "input_mask": ("attn_mask", "padding_mask", "mask"),
    "input_type_ids": ("segment_ids", "type_ids", "seg", "input_segment"),
    POSITIONS_INPUT: ("mask_positions", "pos"),
}
"""Other names of the inputs besides those of `HUGGING_FACE`: those of DJL
(https://github.com/deepjavalibrary/djl), KerasHub and google-research/bert, keras-bert and bert4keras."""
KNOWN_OUTPUTS = {
    "nsp_logits": ("sop_logits",),
    "sequence_output": ("token_embeddings", "seq"),
    "pooled_output": ("pooled",),
    "start_logits": ("start",),
    "end_logits": ("end",),
}
"""Other names of the outputs besides those: those of sentence-transformers and the model garden."""
NUMBERED = re.compile(
    r"(?:outputs?|identity|statefulpartitionedcall|keras_layer|bert_model|bert_encoder|transformer_encoder)?_?\d*"
)
"""Names that say nothing but a number, or from which layer an output is: what it is, its rank shows."""
_STANDARD = {
    other: standard
    for known in (KNOWN_INPUTS, KNOWN_OUTPUTS)
    for standard, others in known.items()
    for other in (standard, *others)
} | {other: standard for standard, other in HUGGING_FACE.items()}


@dataclass(frozen=True)
class Interface:
    """The dimensions of the inputs and outputs by name: a size, or None if it may vary or is not declared."""

    inputs: Mapping[str, Dimensions]
    outputs: Mapping[str, Dimensions]

    @classmethod
    def of_task(cls, task: TaskSpec) -> "Interface":
        """That of a network which computes a task."""
        return cls(dict.fromkeys(task.input_names), dict.fromkeys(task.output_names))

    def renamed(self, names: Mapping[str, str]) -> "Interface":
        """The same under other names."""
        return Interface(
            {names.get(name, name): sizes for name, sizes in self.inputs.items()},
            {names.get(name, name): sizes for name, sizes in self.outputs.items() if name not in CONVENIENCES},
        )


def standard_names(artifact: str, own: Interface, task: TaskSpec, given: Mapping[str, str]) -> dict[str, str]:
    """The standard names of an artifact's inputs and outputs by their own; other names stay as they are.

    Args:
      artifact: its name, for messages.
      own: the interface under the artifact's own names.
      task: what the artifact computes.
      given: standard names that the user states, which take precedence.

    Raises:
      UsageError: two inputs, or two outputs, would have the same standard name.
    """
    inputs = {name: given.get(name) or _known(name) for name in own.inputs}
    outputs = {name: given.get(name) or _known(name) for name in own.outputs}
    first = task.head_specs[0].outputs if task.heads else ()
    if ALONE in outputs and len(first) == 1 and first[0].name not in outputs.values():
        outputs[ALONE] = given.get(ALONE, first[0].name)
    _name_by_rank(outputs, own, task)
    for names in (inputs, outputs):
        places: dict[str, str] = {}
        for name, standard in names.items():
            if standard in places:
                raise UsageError(
                    f"{artifact}: both {places[standard]} and {name} would be {standard}",
                    f"state another name for one of them: --map {name}=NAME",
                )
            places[standard] = name
    return {**inputs, **outputs}


def _known(name: str) -> str:
    """The standard name of an input or output, in whatever spelling, or the name itself."""
    return _STANDARD.get(_plain(name), name)


def _plain(name: str) -> str:
    """A name without what writers add to it."""
    return re.sub(r"[-. :]", "_", re.sub(r":\d+$", "", name).removeprefix("serving_default_")).lower()


def _name_by_rank(outputs: dict[str, str], own: Interface, task: TaskSpec) -> None:
    """Names outputs that are only numbered, if one of them alone has the rank of an output of the task.

    A wrong guess would show: the values of every output are compared.
    """
    numbered = [name for name in outputs if outputs[name] == name and NUMBERED.fullmatch(_plain(name))]
    for spec in task.outputs:
        fitting = [name for name in numbered if len(own.outputs[name] or ()) == len(spec.dims)]
        alike = [other for other in task.outputs if len(other.dims) == len(spec.dims)]
        if len(fitting) == len(alike) == 1 and spec.name not in outputs.values():
            outputs[fitting[0]] = spec.name
