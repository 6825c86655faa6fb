"""Runs an artifact under the standard names of its inputs and outputs."""

from collections.abc import Mapping

import numpy as np

from bertferry.core.tasks import POSITIONS_INPUT
from bertferry.verify.interface import Interface
from bertferry.verify.questions import as_questions, as_rows, fill_questions
from bertferry.verify.runner import Arrays, Inspectable, Runner

WHOLE_SEQUENCE = "mlm_logits"
"""What graphs without the input of positions compute at every position."""


class StandardRunner:
    """An artifact with names of its own; `names` has the standard ones.

    It is given the inputs that it takes, rows as choices if it takes questions. Scores of words at all positions,
    as transformers computes them, become those at `masked_lm_positions`.
    """

    def __init__(self, runner: Runner, own: Interface, names: Mapping[str, str]) -> None:
        self.name, self.shares_mask = runner.name, runner.shares_mask
        self._runner, self._names = runner, names
        self._takes = {name: names[name] for name in own.inputs}
        self._takes_questions = any(len(sizes or ()) == 3 for sizes in own.inputs.values())
        self._everywhere = POSITIONS_INPUT not in self._takes.values()

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The outputs by their standard names."""
        outputs = self._runner.run(self._own(inputs))
        named = {self._names.get(name, name): value for name, value in outputs.items()}
        if self._everywhere and WHOLE_SEQUENCE in named and POSITIONS_INPUT in inputs:
            positions = inputs[POSITIONS_INPUT]
            named[WHOLE_SEQUENCE] = named[WHOLE_SEQUENCE][np.arange(len(positions))[:, np.newaxis], positions]
        return as_rows(named, _rows(inputs)) if self._takes_questions else named

    def points(self, inputs: Arrays, given: Arrays | None = None) -> dict[str, np.ndarray]:
        """Intermediate values, if the artifact has any."""
        if not isinstance(self._runner, Inspectable):
            return {}
        if not self._takes_questions:
            return self._runner.points(self._own(inputs), given)
        points = self._runner.points(self._own(inputs), fill_questions(given or {}))
        return {name: values[: _rows(inputs)] for name, values in points.items()}

    def _own(self, inputs: Arrays) -> dict[str, np.ndarray]:
        given = {own: inputs[standard] for own, standard in self._takes.items() if standard in inputs}
        return as_questions(given) if self._takes_questions else given


def _rows(inputs: Arrays) -> int:
    return len(next(iter(inputs.values())))
