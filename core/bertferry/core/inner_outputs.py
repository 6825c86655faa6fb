"""Outputs on request: the hidden states and the attention maps of every layer.

Under either naming they have the names of https://github.com/huggingface/optimum-onnx, which numbers the members
of the tuples that transformers returns: `hidden_states.0` are the embeddings, `hidden_states.N` is what the last
of N layers returns, `attentions.0` is the first layer's softmax.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bertferry.core.tensors import TensorSpec

INNER = ("hidden_states", "attentions")
"""What can be requested, in the order in which it is returned."""
_NAME = re.compile(rf"({'|'.join(INNER)})\.(\d+)")


@dataclass(frozen=True)
class InnerSpec(TensorSpec):
    """An output that the encoder computes on its way; `point` names the tensor inside."""

    point: str = ""


def inner_outputs(kinds: Iterable[str], num_layers: int) -> tuple[InnerSpec, ...]:
    """The outputs of these kinds of `INNER`, in order."""
    asked = set(kinds)
    count = {"hidden_states": num_layers + 1, "attentions": num_layers}
    return tuple(inner_output(kind, number) for kind in INNER if kind in asked for number in range(count[kind]))


def inner_output(kind: str, number: int) -> InnerSpec:
    """One of the outputs of a kind."""
    name = f"{kind}.{number}"
    if kind == "attentions":
        dims = ("batch", "heads", "sequence", "sequence")
        meaning = f"layer {number}: how much each token attends to each"
        return InnerSpec(name, "float32", dims, meaning, f"layer_{number}/probabilities")
    meaning = f"what layer {number} returns" if number else "the embeddings"
    point = f"layer_{number - 1}/output" if number else "embeddings"
    return InnerSpec(name, "float32", ("batch", "sequence", "hidden"), meaning, point)


def inner_spec(name: str) -> InnerSpec | None:
    """The output on request with this name; None if it is another."""
    found = _NAME.fullmatch(name)
    return inner_output(found[1], int(found[2])) if found else None


def inner_kinds(names: Iterable[str]) -> tuple[str, ...]:
    """The kinds of `INNER` among some outputs."""
    kinds = {name.split(".")[0] for name in names if _NAME.fullmatch(name)}
    return tuple(kind for kind in INNER if kind in kinds)
