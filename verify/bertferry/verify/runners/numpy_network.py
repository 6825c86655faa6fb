"""Runs a checkpoint through this project's NumPy network."""

import numpy as np

from bertferry.convert import Checkpoint
from bertferry.verify.execution import FLOATS
from bertferry.verify.inspection_points import point_of
from bertferry.verify.numpy_network.heads import task_outputs
from bertferry.verify.numpy_network.weights import read_weights
from bertferry.verify.runner import Arrays


class NumpyNetworkRunner:
    """A task's network with the checkpoint's values; outputs are float32 in either precision."""

    shares_mask = True

    def __init__(self, checkpoint: Checkpoint, task: str, precision: str | None = None) -> None:
        self.name = str(checkpoint.location.path)
        self._task, self._config = checkpoint.task(task), checkpoint.config
        self._weights = read_weights(checkpoint, task, np.dtype(FLOATS[precision or "fp32"]))

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The task's outputs by name."""
        outputs = task_outputs(self._weights, self._config, self._task, inputs, lambda name, value: value)
        return {name: value.astype(np.float32, copy=False) for name, value in outputs.items()}

    def points(self, inputs: Arrays, given: Arrays | None = None) -> dict[str, np.ndarray]:
        """Intermediate values of the encoder."""
        values: dict[str, np.ndarray] = {}

        def keep(name: str, value: np.ndarray) -> np.ndarray:
            if point_of(name) is None:  # an output on request
                return value
            values[name] = value.astype(np.float32)
            return (given or {}).get(name, value).astype(value.dtype)

        task_outputs(self._weights, self._config, self._task, inputs, keep)
        return values
