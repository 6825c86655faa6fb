"""Locates where two encoders drift apart: the error at each named point, and how much of it arises there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bertferry.verify.runner import Arrays
from bertferry.verify.tolerance import Tolerance

Points = Callable[[Arrays | None], dict[str, np.ndarray]]
"""Computes the values at the points, each from the given values of the points before it."""


@dataclass(frozen=True)
class PointDrift:
    """|candidate - reference| / |reference| at a point (Frobenius norms): `cumulative` from the inputs on, `local`
    of the last step alone, fed with the reference's values. Infinite if a side lacks it or is not finite."""

    point: str
    cumulative: float
    local: float


@dataclass(frozen=True)
class Drift:
    """The drift on one probe. `culprit` is the first point whose step adds more than noise, '' if none does."""

    probe: str
    points: tuple[PointDrift, ...]
    culprit: str
    note: str = ""

    def describe(self) -> str:
        """Where the drift begins."""
        if self.culprit:
            return f"begins at {self.culprit}"
        return "no step adds more than noise; any difference arises after the last point"


def localize(probe: str, want: Arrays, candidate: Points, tolerance: Tolerance) -> Drift:
    """Compares a candidate's intermediate values with the reference's.

    Args:
      probe: name of the inputs.
      want: the reference's values, in order of computation.
      candidate: computes the candidate's values.
      tolerance: determines what counts as noise in one step.
    """
    got = candidate(None)
    common = {name: value for name, value in want.items() if name in got}
    if not common:
        side = "candidate" if want else "reference"
        return Drift(
            probe, (), "", f"the {side} does not mark its inspection points; artifacts exported by bertferry do"
        )
    misshapen = next((name for name, value in common.items() if value.shape != got[name].shape), None)
    if misshapen is not None:  # the reference's values cannot be fed to the candidate
        return Drift(probe, (PointDrift(misshapen, float("inf"), float("inf")),), misshapen)
    from_reference = candidate(common)
    # A fused graph has fewer points; a model with fewer layers lacks the last ones.
    depth = max(_layer(name) for name in want)
    shallower = max(_layer(name) for name in got) < depth
    drifts = []
    for name, value in want.items():
        if name in common:
            drifts.append(PointDrift(name, _relative(value, got[name]), _relative(value, from_reference[name])))
        elif shallower and _layer(name) > max(_layer(point) for point in got):
            drifts.append(PointDrift(name, float("inf"), float("inf")))
    culprit = next((drift.point for drift in drifts if drift.local > tolerance.local_noise), "")
    return Drift(probe, tuple(drifts), culprit)


def _layer(point: str) -> int:
    return int(point.split("/")[0][len("layer_") :]) if "/" in point else -1


def _relative(want: np.ndarray, got: np.ndarray) -> float:
    noise = np.linalg.norm(got.astype(np.float64) - want.astype(np.float64))
    signal = np.linalg.norm(want.astype(np.float64))
    value = float(noise / signal) if signal else float(noise > 0)
    return value if np.isfinite(value) else float("inf")
