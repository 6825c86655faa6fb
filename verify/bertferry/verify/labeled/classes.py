"""What the files of artifacts say about the classes of a classifier: their names, and how many there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bertferry.core.errors import UsageError
from bertferry.verify.artifact import Artifact

LOGITS = "logits"
NUMBERED = "LABEL_"
"""How transformers calls a class without a name, before its number."""


@dataclass(frozen=True)
class Classes:
    """The names of the classes in order, () if no file says them; how many columns the logits have, None if no
    file says that; and the `problem_type` of transformers."""

    names: tuple[str, ...] = ()
    columns: int | None = None
    problem: str = ""


def find_classes(artifacts: Sequence[Artifact]) -> Classes:
    """What the first artifact that says it says.

    Raises:
      UsageError: two artifacts number their classes in different ways.
    """
    named = [(side, names) for side in artifacts if (names := _names(side.class_facts))]
    for side, names in named[1:]:
        first, known = named[0]
        for number, (want, got) in enumerate(zip(known, names, strict=False)):
            if want != got:
                raise UsageError(
                    f"{side.name}: its class {number} is {got!r} (id2label), that of {first.name} {want!r}: "
                    "labels would mean different things"
                )
    problems = [str(problem) for side in artifacts if (problem := side.class_facts.get("problem_type"))]
    counts = [count for side in artifacts if (count := _columns(side)) is not None]
    names = named[0][1] if named else ()
    return Classes(names, next(iter(counts), len(names) or None), next(iter(problems), ""))


def _names(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The names by number, of `id2label` or the inverse of `label2id`; () for the numbers of transformers."""
    by_number = facts.get("id2label")
    if not isinstance(by_number, Mapping):
        numbers = facts.get("label2id")
        by_number = {str(number): name for name, number in numbers.items()} if isinstance(numbers, Mapping) else {}
    order = [str(number) for number in range(len(by_number))]
    if set(by_number) != set(order) or all(by_number[number] == NUMBERED + number for number in order):
        return ()
    return tuple(str(by_number[number]) for number in order)


def _columns(side: Artifact) -> int | None:
    if side.checkpoint is not None:
        return side.checkpoint.sizes.get("classes")
    declared = side.interface.outputs.get(LOGITS) if side.interface else None
    return declared[-1] if declared else None
