"""Compares two sets of outputs by a fixed sequence of checks.

Names in both directions, shape, dtype, emptiness, finiteness, then |got - want| ≤ atol + rtol·|want| in float64
and the aggregate criteria. The first failing check is the reason; nothing is broadcast, cast or skipped, except
that floats of different types are compared under a tolerance for half precision. Outputs of which nothing is known
are compared exactly unless they are floats, or integers and the tolerance is for less than float32.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from bertferry.core.tasks import CONVENIENCES, token_axis
from bertferry.verify.statistics import RTOLS, Statistics, measure
from bertferry.verify.tolerance import PROFILES, Tolerance

Arrays = Mapping[str, np.ndarray]
SQNR_ELEMENTS = 16
"""Fewest values for which the SQNR is judged: for two logits, the ratio is a matter of chance."""


@dataclass(frozen=True)
class OutputDiff:
    """The verdict on one output: `reason` names the first failing check and is empty if all pass.

    `exact` is true for what was compared without statistics: integers, texts, nothing at all on both sides.
    `types` says that the sides have floats of different types, '' if they do not; `only_padding` is true if the
    values differ at padded positions alone.
    """

    output: str
    reason: str = ""
    statistics: Statistics | None = field(default=None)
    exact: bool = False
    types: str = ""
    only_padding: bool = False

    @property
    def ok(self) -> bool:
        """Whether every check passes."""
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
    any_values: bool = False,
) -> tuple[OutputDiff, ...]:
    """Compares every output that either side has; returns one diff per name.

    Args:
      reference, candidate: outputs by name.
      tolerance: what counts as equal.
      overrides: tolerances of single outputs.
      mask: the inputs' mask [B, S], required by the two options below.
      positions: `unmasked` judges per-token outputs only where the mask is 1.
      judge_padding: whether all-padding rows are judged; they must be finite in any case.
      any_values: outputs may be empty, NaN or infinite if both sides agree; otherwise that is a fault, as it is in
        the outputs of a BERT.
    """
    names = [name for name in dict.fromkeys([*reference, *candidate]) if name not in CONVENIENCES]
    if not names:
        return (OutputDiff("(any)", "neither side has any output"),)
    return tuple(
        _compare_any_values(name, reference, candidate, overrides.get(name, tolerance))
        if any_values
        else _compare_output(
            name, reference, candidate, overrides.get(name, tolerance), mask, positions, judge_padding
        )
        for name in names
    )


def _compare_any_values(name: str, reference: Arrays, candidate: Arrays, tolerance: Tolerance) -> OutputDiff:
    """Compares an output of which nothing is known."""
    if fault := _structural_fault(name, reference, candidate):
        return OutputDiff(name, fault)
    want, got = np.asarray(reference[name]), np.asarray(candidate[name])
    if fault := _different_types(want, got):
        return OutputDiff(name, fault)
    if want.dtype.kind == "c":
        want, got = (np.stack([side.real, side.imag], -1) for side in (want, got))
    if not _is_float(want) and (want.dtype.kind not in "iu" or tolerance.rtol <= PROFILES["fp32-cross"].rtol):
        different = want != got
        if math.isfinite(tolerance.atol) and different.any():
            index = _first_index(different)
            return OutputDiff(name, f"{got[index]} at {list(index)}, reference {want[index]}", exact=True)
        return OutputDiff(name, exact=True)
    wide_want, wide_got = want.astype(np.float64), got.astype(np.float64)
    finite = np.isfinite(wide_want)
    different = (wide_want != wide_got) & ~(np.isnan(wide_want) & np.isnan(wide_got))
    if (different & ~(finite & np.isfinite(wide_got))).any():
        index = _first_index(different & ~(finite & np.isfinite(wide_got)))
        return OutputDiff(name, f"{wide_got[index]} at {list(index)}, reference {wide_want[index]}")
    if not finite.any():
        return OutputDiff(name, exact=True)
    wide_want, wide_got = np.where(finite, wide_want, 0.0), np.where(finite, wide_got, 0.0)
    statistics = measure(wide_want, wide_got, finite, tolerance, want.dtype)
    return OutputDiff(name, judge(statistics, tolerance), statistics)


def _structural_fault(name: str, reference: Arrays, candidate: Arrays) -> str:
    """How an output is missing, or of another shape or kind of type; '' if it is not."""
    if name not in candidate:
        return "missing in the candidate"
    if name not in reference:
        return "not in the reference"
    want, got = np.asarray(reference[name]), np.asarray(candidate[name])
    if got.shape != want.shape:
        return f"shape {list(got.shape)}, reference {list(want.shape)}"
    return "" if _is_float(want) and _is_float(got) else _different_types(want, got)


def _is_float(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" or array.dtype.name == "bfloat16"


def _different_types(want: np.ndarray, got: np.ndarray) -> str:
    return "" if got.dtype == want.dtype else f"dtype {got.dtype}, reference {want.dtype}"


def _compare_output(
    name: str,
    reference: Arrays,
    candidate: Arrays,
    tolerance: Tolerance,
    mask: np.ndarray | None,
    positions: str,
    judge_padding: bool,
) -> OutputDiff:
    if fault := _structural_fault(name, reference, candidate):
        return OutputDiff(name, fault)
    want, got = np.asarray(reference[name]), np.asarray(candidate[name])
    if not want.size:
        return OutputDiff(name, f"empty: shape {list(want.shape)}")
    types = _different_types(want, got)
    wide_want, wide_got = want.astype(np.float64), got.astype(np.float64)
    for side, array in (("reference", wide_want), ("candidate", wide_got)):
        if not np.isfinite(array).all():
            index = _first_index(~np.isfinite(array))
            fault = f"{array[index]} in the {side} at {list(index)}"
            return OutputDiff(name, judge_types(types, tolerance) or fault, types=types)
    judged = _judged_elements(name, want.shape, mask, positions, judge_padding)
    if not judged.any():
        return OutputDiff(name)
    statistics = measure(wide_want, wide_got, judged, tolerance, want.dtype)
    reason = judge(statistics, tolerance)
    unmasked = _judged_elements(name, want.shape, mask, "unmasked", judge_padding)
    outside = bool(reason) and not np.array_equal(unmasked, judged) and bool(unmasked.any())
    only_padding = outside and not judge(measure(wide_want, wide_got, unmasked, tolerance, want.dtype), tolerance)
    return OutputDiff(
        name, judge_types(types, tolerance) or reason, statistics, types=types, only_padding=only_padding
    )


def judge_types(types: str, tolerance: Tolerance) -> str:
    """Why floats of different types disagree, '' if they do not: a tolerance for half precision allows them."""
    return "" if tolerance.is_half else types


def _judged_elements(
    name: str, shape: tuple[int, ...], mask: np.ndarray | None, positions: str, judge_padding: bool
) -> np.ndarray:
    """The elements to judge, as booleans of the output's shape."""
    judged = np.ones(shape, dtype=bool)
    if mask is None or not shape or shape[0] != mask.shape[0]:
        return judged
    axis = token_axis(name, len(shape))
    if positions == "unmasked" and axis is not None and shape[axis] == mask.shape[1]:
        judged &= np.expand_dims(mask == 1, [other for other in range(1, len(shape)) if other != axis])
    if not judge_padding:
        judged &= np.expand_dims((mask == 1).any(axis=1), list(range(1, len(shape))))
    return judged


def judge(statistics: Statistics, tolerance: Tolerance) -> str:
    """Why the statistics exceed a tolerance, '' if they do not; it need not be the one they were measured for."""
    measured_rtol = max((rtol for rtol in RTOLS if rtol <= tolerance.rtol), default=0.0)
    outside = statistics.violations
    if outside is None:
        outside = float(statistics.needed[f"{measured_rtol:g}"] > tolerance.atol)
    if outside:
        share = "some" if statistics.violations is None else f"{outside:.2%}"
        return (
            f"{share} of values differ by more than {tolerance.name} allows; worst at "
            f"{list(statistics.worst_index)}: {statistics.candidate_value:.6g}, "
            f"reference {statistics.reference_value:.6g}"
        )
    enough = statistics.elements >= SQNR_ELEMENTS
    if tolerance.min_sqnr_db is not None and enough and statistics.sqnr_db < tolerance.min_sqnr_db:
        return f"SQNR {statistics.sqnr_db:.1f} dB, at least {tolerance.min_sqnr_db:g} required"
    if tolerance.min_cosine is not None and statistics.worst_row_cosine < tolerance.min_cosine:
        return f"cosine of worst row {statistics.worst_row_cosine:.4f}, at least {tolerance.min_cosine:g} required"
    return ""


def _first_index(selected: np.ndarray) -> tuple[int, ...]:
    """Where the first selected value is; () in an array without axes."""
    return tuple(int(index) for index in np.argwhere(selected)[0])
