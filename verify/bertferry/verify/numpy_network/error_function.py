"""The error function, which NumPy lacks.

The rational approximations are those of W. J. Cody, "Rational Chebyshev Approximations for the Error Function",
Mathematics of Computation 23 (1969), 631-637, with the coefficients of https://www.netlib.org/specfun/erf.
"""

from collections.abc import Sequence

import numpy as np

NEAR = 0.46875
"""Up to here erf(x) is x times a rational function of x², beyond it 1 - exp(-x²) times one of x."""
ONE = 6.0
"""Beyond this, erf is 1 in float64."""

NEAR_NUMERATOR = (
    1.85777706184603153e-1,
    3.16112374387056560e00,
    1.13864154151050156e02,
    3.77485237685302021e02,
    3.20937758913846947e03,
)
NEAR_DENOMINATOR = (
    1.0,
    2.36012909523441209e01,
    2.44024637934444173e02,
    1.28261652607737228e03,
    2.84423683343917062e03,
)
FAR_NUMERATOR = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e00,
    6.61191906371416295e01,
    2.98635138197400131e02,
    8.81952221241769090e02,
    1.71204761263407058e03,
    2.05107837782607147e03,
    1.23033935479799725e03,
)
FAR_DENOMINATOR = (
    1.0,
    1.57449261107098347e01,
    1.17693950891312499e02,
    5.37181101862009858e02,
    1.62138957456669019e03,
    3.29079923573345963e03,
    4.36261909014324716e03,
    3.43936767414372164e03,
    1.23033935480374942e03,
)
"""Coefficients from the highest power down. The approximation for x > 4 in the paper serves the relative precision
of 1 - erf; that of erf itself does not need it."""


def erf(x: np.ndarray) -> np.ndarray:
    """2/√π · ∫₀ˣ exp(-t²) dt of every element, in the array's type (float32 or float64)."""
    bounded = np.clip(x, -ONE, ONE)
    distance = np.abs(bounded)
    square = bounded * bounded
    near = _polynomial(NEAR_NUMERATOR, square)
    near /= _polynomial(NEAR_DENOMINATOR, square)
    near *= bounded
    far = _polynomial(FAR_NUMERATOR, distance)
    far /= _polynomial(FAR_DENOMINATOR, distance)
    far *= np.exp(np.negative(square, out=square), out=square)
    np.subtract(1.0, far, out=far)
    np.copysign(far, bounded, out=far)
    np.copyto(far, near, where=distance <= NEAR)
    return far


def _polynomial(coefficients: Sequence[float], x: np.ndarray) -> np.ndarray:
    """Horner's scheme."""
    value = x * coefficients[0]
    value += coefficients[1]
    for coefficient in coefficients[2:]:
        value *= x
        value += coefficient
    return value
