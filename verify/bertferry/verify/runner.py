"""What the verifier needs of an artefact: arrays in, arrays out, by name."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np


class Runner(Protocol):
    """An artefact that is ready to compute.

    `shares_mask` says that it adds -10000 to masked scores and takes the softmax in float32, as this project's
    networks and modules do: only then is there one right answer for a row that is all padding.
    """

    name: str
    shares_mask: bool

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs for int32 inputs [B, S]; raises whatever the artefact raises."""
