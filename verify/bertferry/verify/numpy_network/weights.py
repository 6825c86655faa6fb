"""The parameters of a checkpoint as the network multiplies them."""

from collections.abc import Mapping

import numpy as np

from bertferry.convert import Checkpoint
from bertferry.convert.heads import with_task
from bertferry.core.parameters import canonical_axes, task_parameters

Weights = Mapping[str, np.ndarray]
"""By canonical name, all in the type in which the network computes; the heads of a projection are one axis."""


def read_weights(checkpoint: Checkpoint, task: str, dtype: np.dtype) -> Weights:
    """Reads the parameters that a task's outputs depend on.

    Raises:
      DataError: the checkpoint lacks one of them, or its bytes are damaged.
    """
    checkpoint = with_task(checkpoint, task)
    # The same order in memory for every layout, so that the same values give the same bits.
    return {
        name: np.ascontiguousarray(checkpoint.read(name, _with_merged_heads(name)), dtype)
        for name in task_parameters(checkpoint.task(task), checkpoint.config)
    }


def _with_merged_heads(parameter: str) -> str:
    """The axes of a parameter with those of heads merged: `hidden (heads head_size)`."""
    return canonical_axes(parameter).replace("heads head_size", "(heads head_size)")
