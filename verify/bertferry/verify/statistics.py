"""Measures of the difference between two arrays."""

import math
from dataclasses import dataclass

import numpy as np

from bertferry.verify.tolerance import Tolerance

PERCENTILES = (50.0, 90.0, 99.0, 99.9)
RTOLS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 2e-2, 5e-2, 1e-1)
"""Relative tolerances for which the required absolute one is recorded, to re-evaluate a report later."""
LEAST_EXPONENT, GREATEST_EXPONENT = -10, 2
DECADES = GREATEST_EXPONENT - LEAST_EXPONENT + 2
"""Bins of a histogram: below the least power of ten, one per decade, and above the greatest."""
WORST = 5


@dataclass(frozen=True)
class Statistics:
    """Differences over the judged elements of one output.

    `sqnr_db` is 10·log10(Σ want² / Σ (got - want)²), infinite for equal arrays; `worst_row_cosine` is the minimum
    cosine similarity of vectors along the last axis; ULPs are counted in the output's own type; `violations` is
    the share of elements outside the tolerance; `needed_atol` is the absolute tolerance that would have sufficed
    with the tolerance's rtol, `needed_rtol` the relative one with its atol, `needed` the absolute one for each of
    `RTOLS`; `histogram` counts the differences below 10^-10, in each decade from there, and above 100; `worst`
    has the index, reference and candidate of the elements furthest outside the tolerance.
    """

    elements: int
    max_abs: float
    mean_abs: float
    percentiles: dict[str, float]
    sqnr_db: float
    worst_row_cosine: float
    ulp_median: float | None
    ulp_p99: float | None
    worst_index: tuple[int, ...]
    reference_value: float
    candidate_value: float
    violations: float | None
    needed_atol: float
    needed_rtol: float
    needed: dict[str, float]
    histogram: tuple[int, ...]
    worst: tuple[tuple[tuple[int, ...], float, float], ...]

    def __post_init__(self) -> None:
        for field, numbers in (("percentiles", PERCENTILES), ("needed", RTOLS)):
            if missing := {f"{number:g}" for number in numbers} - getattr(self, field).keys():
                raise ValueError(f"{field} has no {min(missing)}")
        if len(self.histogram) != DECADES:
            raise ValueError(f"histogram has {len(self.histogram)} counts, expected {DECADES}")


def measure(
    want: np.ndarray, got: np.ndarray, judged: np.ndarray, tolerance: Tolerance, dtype: np.dtype
) -> Statistics:
    """Statistics over the `judged` elements of finite float64 arrays of one shape; `dtype` is the outputs' own."""
    difference = np.abs(got - want)
    excess = np.where(judged, difference - tolerance.atol - tolerance.rtol * np.abs(want), -np.inf)
    furthest = [
        tuple(int(i) for i in np.unravel_index(int(place), want.shape))
        for place in _largest(excess.ravel(), min(WORST, int(judged.sum())))
    ]
    worst = furthest[0]
    d, w = difference[judged], np.abs(want[judged])
    ulps = _ulps(want[judged], got[judged], dtype)
    return Statistics(
        elements=int(d.size),
        max_abs=float(d.max()),
        mean_abs=float(d.mean()),
        percentiles={f"{p:g}": float(v) for p, v in zip(PERCENTILES, np.percentile(d, PERCENTILES), strict=True)},
        sqnr_db=_sqnr(w, d),
        worst_row_cosine=_worst_row_cosine(np.where(judged, want, 0), np.where(judged, got, 0)),
        ulp_median=None if ulps is None else float(np.median(ulps)),
        ulp_p99=None if ulps is None else float(np.percentile(ulps, 99)),
        worst_index=worst,
        reference_value=float(want[worst]),
        candidate_value=float(got[worst]),
        violations=float(np.mean(d > tolerance.atol + tolerance.rtol * w)),
        needed_atol=max(0.0, float((d - tolerance.rtol * w).max())),
        needed_rtol=_needed_rtol(d - tolerance.atol, w),
        needed={f"{rtol:g}": max(0.0, float((d - rtol * w).max())) for rtol in RTOLS},
        histogram=_histogram(d),
        worst=tuple((index, float(want[index]), float(got[index])) for index in furthest),
    )


def _largest(values: np.ndarray, count: int) -> list[int]:
    """Indices of the largest values, largest first; ties in order of index."""
    near = np.argpartition(-values, count - 1)[:count]
    places = sorted((int(place) for place in near), key=lambda place: (-values[place], place))
    return [int(np.argmax(values)), *(place for place in places if place != int(np.argmax(values)))][:count]


def _histogram(difference: np.ndarray) -> tuple[int, ...]:
    edges = [10.0**exponent for exponent in range(LEAST_EXPONENT, GREATEST_EXPONENT + 1)]
    counts = np.bincount(np.digitize(difference, edges), minlength=len(edges) + 1)
    return tuple(int(count) for count in counts)


def _sqnr(want: np.ndarray, difference: np.ndarray) -> float:
    signal, noise = float(np.sum(want**2)), float(np.sum(difference**2))
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


def _worst_row_cosine(want: np.ndarray, got: np.ndarray) -> float:
    """The minimum over rows; a row of zeros on both sides counts as 1, on one side as 0."""
    want, got = np.atleast_2d(want), np.atleast_2d(got)
    product = np.sum(want * got, axis=-1)
    norms = np.linalg.norm(want, axis=-1) * np.linalg.norm(got, axis=-1)
    both_zero = ~want.any(axis=-1) & ~got.any(axis=-1)
    cosine = np.where(norms > 0, product / np.where(norms > 0, norms, 1), both_zero)
    return float(cosine.min())


def _needed_rtol(beyond_atol: np.ndarray, want: np.ndarray) -> float:
    over = beyond_atol > 0
    if not over.any():
        return 0.0
    with np.errstate(divide="ignore"):
        return float(np.max(beyond_atol[over] / want[over]))


def _ulps(want: np.ndarray, got: np.ndarray, dtype: np.dtype) -> np.ndarray | None:
    """Distance in representable numbers; None unless float16 or float32."""
    if dtype.name not in ("float16", "float32"):
        return None
    integers = np.dtype(f"int{8 * dtype.itemsize}")
    lowest = int(np.iinfo(integers).min)

    def to_ordinal(values: np.ndarray) -> np.ndarray:
        bits = values.astype(dtype).view(integers).astype(np.int64)
        return np.where(bits < 0, lowest - bits, bits)

    distance: np.ndarray = np.abs(to_ordinal(got) - to_ordinal(want))
    return distance
