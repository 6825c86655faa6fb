"""What an ONNX graph takes and returns: under this project's names, or as clients of Hugging Face's files expect.

The latter are those of https://github.com/huggingface/optimum-onnx, which names inputs and outputs as transformers
does: integers have 64 bits, and a model with a head returns what the head computes alone, words at all positions.
"""

from collections.abc import Iterable
from dataclasses import replace

from bertferry.core.config import EncoderConfig
from bertferry.core.inner_outputs import INNER
from bertferry.core.tasks import ENCODER_OUTPUTS, HEADS, POSITIONS_INPUT, TaskSpec

NAMINGS = ("tensorflow", "huggingface")
HUGGING_FACE = {
    "input_word_ids": "input_ids",
    "input_mask": "attention_mask",
    "input_type_ids": "token_type_ids",
    "sequence_output": "last_hidden_state",
    "pooled_output": "pooler_output",
    "mlm_logits": "prediction_logits",
    "nsp_logits": "seq_relationship_logits",
}
"""Names of transformers by this project's, where they differ."""
ALONE = "logits"
"""That of the only output of the only head."""
_HEAD_OUTPUTS = (output for head in HEADS.values() for output in head.outputs)
_OUTPUTS = [spec.name for spec in (*ENCODER_OUTPUTS, *_HEAD_OUTPUTS)]


def graph_task(task: TaskSpec, naming: str, config: EncoderConfig) -> TaskSpec:
    """What a graph computes under these names: the encoder's outputs, or those of the heads alone.

    It takes no segments if the tokenizers of transformers give this architecture none, and all choices of a
    question together.
    """
    if naming != "huggingface":
        return task
    segments = config.switches.takes_segments or config.type_vocab_size > 1
    alone = not (task.heads or task.poolings)
    return replace(task, encoder=alone, segments=segments, grouped="choice" in task.heads)


def graph_names(task: TaskSpec, naming: str) -> dict[str, str]:
    """The names in the graph, by this project's, of its inputs and outputs: those of `graph_task`, in order."""
    names = (*task.input_names, *task.output_names)
    if naming != "huggingface":
        return dict(zip(names, names, strict=True))
    own = [output.name for head in task.head_specs for output in head.outputs]
    others = HUGGING_FACE | ({own[0]: ALONE} if len(own) == 1 else {})
    return {name: others.get(name, name) for name in names if name != POSITIONS_INPUT}


def in_order(outputs: Iterable[str]) -> list[str]:
    """Names of outputs in the order in which a task returns them; others follow in alphabetical order."""

    def place(name: str) -> tuple[int, int, str]:
        kind, _, number = name.rpartition(".")
        if kind in INNER and number.isdecimal():
            return len(_OUTPUTS) + INNER.index(kind), int(number), name
        return (_OUTPUTS.index(name) if name in _OUTPUTS else len(_OUTPUTS) + len(INNER)), 0, name

    return sorted(outputs, key=place)
