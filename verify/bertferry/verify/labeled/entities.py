"""Entities that the labels of words name, such as B-PER I-PER O B-LOC."""

from collections.abc import Sequence

OUTSIDE = "O"


def name_entities(names: Sequence[str]) -> bool:
    """Whether labels are of the kind B-TYPE, I-TYPE and O."""
    parts = [name.partition("-") for name in names if name != OUTSIDE]
    return bool(parts) and all(place in ("B", "I") and kind for place, _, kind in parts)


def find_entities(names: Sequence[str]) -> set[tuple[str, int, int]]:
    """The entities of a text, each with its type, its first word and the word after its last one.

    One begins at B-TYPE, and at I-TYPE after another type or none, as in conlleval, the script of the CoNLL-2000
    shared task (https://www.clips.uantwerpen.be/conll2000/chunking/output.html), and in seqeval.
    """
    found, begun, kind = set(), 0, ""
    for number, name in enumerate([*names, OUTSIDE]):
        place, _, own = name.partition("-")
        if kind and (place != "I" or own != kind):
            found.add((kind, begun, number))
            kind = ""
        if own and not kind:
            kind, begun = own, number
    return found


def entity_f1(labels: Sequence[Sequence[str]], decisions: Sequence[Sequence[str]]) -> float:
    """F1 of the entities in all texts: one is right if its type and both ends are; 0 if there are none."""
    right = wrong = 0
    for wanted, found in zip(labels, decisions, strict=True):
        entities, others = find_entities(wanted), find_entities(found)
        right += len(entities & others)
        wrong += len(entities ^ others)
    return 2 * right / (2 * right + wrong) if right else 0.0
