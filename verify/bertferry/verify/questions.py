"""Rows as the choices of questions: some artifacts take these together, [B, C, S], and return scores [B, C]."""

import numpy as np

from bertferry.core.tasks import HEADS
from bertferry.verify.runner import Arrays

CHOICES = (3, 2)
"""How many rows become a question: the first that divides them, or else each is one."""
SCORES = HEADS["choice"].outputs[0].name


def as_questions(inputs: Arrays) -> dict[str, np.ndarray]:
    """Inputs [R, S] as [B, C, S]."""
    rows = len(next(iter(inputs.values())))
    choices = next((count for count in CHOICES if rows % count == 0), 1)
    return {name: array.reshape(-1, choices, *array.shape[1:]) for name, array in inputs.items()}


def as_rows(outputs: Arrays) -> dict[str, np.ndarray]:
    """Scores [B, C] as those of rows [R, 1]; outputs on request are of rows already."""
    return {name: array.reshape(-1, 1) if name == SCORES else array for name, array in outputs.items()}
