"""The interface between the verifier and an artifact: named arrays in, named arrays out."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

Arrays = Mapping[str, np.ndarray]


class Runner(Protocol):
    """A loaded artifact that is ready to run.

    `shares_mask` is true if it adds -10000 to masked scores and takes the softmax in float32, as this project's
    networks and modules do: only then is there one right answer for an all-padding row.
    """

    name: str
    shares_mask: bool

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The outputs for int32 inputs [B, S]; raises whatever the artifact raises."""


@runtime_checkable
class Inspectable(Runner, Protocol):
    """A runner that can also return intermediate values."""

    def points(self, inputs: Arrays, given: Arrays | None = None) -> dict[str, np.ndarray]:
        """The float32 values at the points of `bertferry.verify.inspection_points`, in order of computation.

        Empty if the artifact does not mark the points. With `given`, each value is computed from the given values
        of the points before it instead of its own.
        """
