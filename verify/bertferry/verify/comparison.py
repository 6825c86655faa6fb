"""Compares two sets of outputs, strictest question first.

Names both ways, shape, dtype, emptiness, finiteness, then |got - want| ≤ atol + rtol·|want| in float64 and the
aggregate criteria. The first failing check is the reason; nothing is broadcast, cast or skipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from bertferry.core.tasks import CONVENIENCES, is_per_token
from bertferry.verify.statistics import RTOLS, Statistics, measure
from bertferry.verify.tolerance import Tolerance

Arrays = Mapping[str, np.ndarray]
SQNR_ELEMENTS = 16
"""From how many values their noise is judged as a whole: of two logits, the ratio is a matter of chance."""


@dataclass(frozen=True)
class OutputDiff:
    """The verdict on one output: `reason` names the first failing check and is empty when all hold."""

    output: str
    reason: str = ""
    statistics: Statistics | None = field(default=None)

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return not self.reason


def compare(
    reference: Arrays,
    candidate: Arrays,
    tolerance: Tolerance,
    *,
    overrides: Mapping[str, Tolerance] = MappingProxyType({}),
    mask: np.ndarray | None = None,
    positions: str = "all",
    judge_padding: bool = True,
) -> tuple[OutputDiff, ...]:
    """One diff per output name of either side.

    Args:
      reference, candidate: outputs by name.
      tolerance: what counts as equal.
      overrides: what does for single outputs.
      mask: the inputs' mask [B, S], needed for the two options below.
      positions: `unmasked` judges outputs over the sequence only where the mask is 1.
      judge_padding: whether rows that are all padding are judged; they must be finite in any case.
    """
    names = [name for name in dict.fromkeys([*reference, *candidate]) if name not in CONVENIENCES]
    if not names:
        return (OutputDiff("(any)", "neither side has an output"),)
    return tuple(
        _compare_output(name, reference, candidate, overrides.get(name, tolerance), mask, positions, judge_padding)
        for name in names
    )


def _compare_output(
    name: str,
    reference: Arrays,
    candidate: Arrays,
    tolerance: Tolerance,
    mask: np.ndarray | None,
    positions: str,
    judge_padding: bool,
) -> OutputDiff:
    if name not in candidate:
        return OutputDiff(name, "missing in the candidate")
    if name not in reference:
        return OutputDiff(name, "not in the reference")
    want, got = np.asarray(reference[name]), np.asarray(candidate[name])
    if got.shape != want.shape:
        return OutputDiff(name, f"shape {list(got.shape)}, reference {list(want.shape)}")
    if got.dtype != want.dtype:
        return OutputDiff(name, f"dtype {got.dtype}, reference {want.dtype}")
    if not want.size:
        return OutputDiff(name, f"empty: shape {list(want.shape)}")
    wide_want, wide_got = want.astype(np.float64), got.astype(np.float64)
    for side, array in (("reference", wide_want), ("candidate", wide_got)):
        if not np.isfinite(array).all():
            index = _first(~np.isfinite(array))
            return OutputDiff(name, f"{array[index]} in the {side} at {list(index)}")
    judged = _judged(name, want.shape, mask, positions, judge_padding)
    if not judged.any():
        return OutputDiff(name)
    statistics = measure(wide_want, wide_got, judged, tolerance, want.dtype)
    return OutputDiff(name, judge(statistics, tolerance), statistics)


def _judged(
    name: str, shape: tuple[int, ...], mask: np.ndarray | None, positions: str, judge_padding: bool
) -> np.ndarray:
    """Which elements count, as booleans of the output's shape."""
    judged = np.ones(shape, dtype=bool)
    if mask is None or not shape or shape[0] != mask.shape[0]:
        return judged
    if positions == "unmasked" and is_per_token(name, len(shape)) and shape[:2] == mask.shape:
        judged &= _spread(mask == 1, shape)
    if not judge_padding:
        judged &= _spread((mask == 1).any(axis=1), shape)
    return judged


def _spread(chosen: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(chosen.reshape(chosen.shape + (1,) * (len(shape) - chosen.ndim)), shape)


def judge(statistics: Statistics, tolerance: Tolerance) -> str:
    """Why statistics disagree, or nothing; also for another tolerance than the one they were measured for."""
    known = max((rtol for rtol in RTOLS if rtol <= tolerance.rtol), default=0.0)
    outside = statistics.violations
    if outside is None:
        outside = float(statistics.needed[f"{known:g}"] > tolerance.atol)
    if outside:
        share = "some" if statistics.violations is None else f"{outside:.2%}"
        return (
            f"{share} of values differ by more than {tolerance.name} allows; worst at "
            f"{list(statistics.worst_index)}: {statistics.candidate_value:.6g}, "
            f"reference {statistics.reference_value:.6g}"
        )
    enough = statistics.elements >= SQNR_ELEMENTS
    if tolerance.min_sqnr_db is not None and enough and statistics.sqnr_db < tolerance.min_sqnr_db:
        return f"SQNR {statistics.sqnr_db:.1f} dB, at least {tolerance.min_sqnr_db:g} needed"
    if tolerance.min_cosine is not None and statistics.worst_row_cosine < tolerance.min_cosine:
        return f"cosine of the worst row {statistics.worst_row_cosine:.4f}, {tolerance.min_cosine:g} needed"
    return ""


def _first(chosen: np.ndarray) -> tuple[int, ...]:
    return tuple(int(axis[0]) for axis in np.nonzero(chosen))
