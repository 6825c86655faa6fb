"""Where two encoders drift apart: the error at each named point, and how much of it arose there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bertferry.verify.runner import Arrays
from bertferry.verify.tolerance import Tolerance

Points = Callable[[Arrays | None], dict[str, np.ndarray]]
"""The values at the points, each computed from the given ones before it."""


@dataclass(frozen=True)
class PointDrift:
    """|candidate - reference| / |reference| at a point (Frobenius norms): of the whole way to it, and of the last
    step alone, fed with the reference's values. Infinite where one side lacks the point or is not finite."""

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

    def sentence(self) -> str:
        """The verdict."""
        if self.culprit:
            return f"first at {self.culprit}"
        return "no step adds more than noise; what differs lies behind the last point, or nowhere"


def localize(probe: str, want: Arrays, candidate: Points, tolerance: Tolerance) -> Drift:
    """Compares a candidate with the reference's values at the points.

    Args:
      probe: name of the inputs.
      want: the reference's values, in order of computation.
      candidate: computes the candidate's.
      tolerance: what counts as noise in one step.
    """
    got = candidate(None)
    common = {name: value for name, value in want.items() if name in got}
    if not common:
        side = "candidate" if want else "reference"
        return Drift(probe, (), "", f"the {side} does not say where its layers are; artifacts of bertferry do")
    other = next((name for name, value in common.items() if value.shape != got[name].shape), None)
    if other is not None:  # nothing of the reference's can be fed to it
        return Drift(probe, (PointDrift(other, float("inf"), float("inf")),), other)
    alone = candidate(common)
    # A fused graph has fewer points; a model with fewer layers lacks the last ones.
    depth = max(_layer(name) for name in want)
    shallower = max(_layer(name) for name in got) < depth
    found = []
    for name, value in want.items():
        if name in common:
            found.append(PointDrift(name, _relative(value, got[name]), _relative(value, alone[name])))
        elif shallower and _layer(name) > max(_layer(one) for one in got):
            found.append(PointDrift(name, float("inf"), float("inf")))
    culprit = next((one.point for one in found if one.local > tolerance.local_noise), "")
    return Drift(probe, tuple(found), culprit)


def _layer(point: str) -> int:
    return int(point.split("/")[0][len("layer_") :]) if "/" in point else -1


def _relative(want: np.ndarray, got: np.ndarray) -> float:
    noise = np.linalg.norm(got.astype(np.float64) - want.astype(np.float64))
    signal = np.linalg.norm(want.astype(np.float64))
    value = float(noise / signal) if signal else float(noise > 0)
    return value if np.isfinite(value) else float("inf")
