"""Rows as the choices of questions: some artifacts take these together, [B, C, S], and return scores [B, C]."""

import numpy as np

from bertferry.core.tasks import HEADS
from bertferry.verify.runner import Arrays

CHOICES = 2
"""How many rows become a question; the first row fills the last question up."""
SCORES = HEADS["choice"].outputs[0].name


def as_questions(inputs: Arrays) -> dict[str, np.ndarray]:
    """Inputs [R, S] as [B, C, S]."""
    return {name: array.reshape(-1, CHOICES, *array.shape[1:]) for name, array in fill_questions(inputs).items()}


def fill_questions(rows: Arrays) -> dict[str, np.ndarray]:
    """Arrays of rows, as many as there are choices."""
    return {name: np.concatenate([array, array[: len(array) % CHOICES]]) for name, array in rows.items()}


def as_rows(outputs: Arrays, count: int) -> dict[str, np.ndarray]:
    """Scores [B, C] as those of `count` rows [R, 1]; outputs on request are of rows already."""
    return {name: (array.reshape(-1, 1) if name == SCORES else array)[:count] for name, array in outputs.items()}
