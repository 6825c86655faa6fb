"""What the verifier needs of an artifact: arrays in, arrays out, by name."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

Arrays = Mapping[str, np.ndarray]


class Runner(Protocol):
    """An artifact that is ready to compute.

    `shares_mask` says that it adds -10000 to masked scores and takes the softmax in float32, as this project's
    networks and modules do: only then is there one right answer for a row that is all padding.
    """

    name: str
    shares_mask: bool

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The outputs for int32 inputs [B, S]; raises whatever the artifact raises."""


@runtime_checkable
class Inspectable(Runner, Protocol):
    """A runner that can also show the values inside."""

    def points(self, inputs: Arrays, given: Arrays | None = None) -> dict[str, np.ndarray]:
        """The values at the points of `bertferry.verify.points`, in their order, as float32; none where the
        artifact does not say where they are.

        With `given`, each is computed from the given values of those before it in place of its own.
        """
