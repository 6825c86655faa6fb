"""How the tests compare floats, in one place.

The same graph on the same kernels gives the same bits, which `numpy.testing.assert_array_equal` compares. Anything
else (another graph, other shapes, a formula in NumPy, a reference from another machine) may sum its products in
another order. The difference grows with the number and the size of the products and depends on the processor, so
it is judged as in `verify-parity`: by a profile, never by a figure measured on one machine.
"""

import os

import numpy as np

from bertferry.verify.comparison import SQNR_ELEMENTS
from bertferry.verify.tolerance import PROFILES

BFLOAT16_ABORTS = os.environ.get("ONEDNN_MAX_CPU_ISA", "AVX512_CORE") in ("SSE41", "AVX", "AVX2")
"""Whether oneDNN is limited to less than AVX-512: TensorFlow ignores the limit for bfloat16 and aborts.

A processor without AVX-512 uses the kernels that `TF_ENABLE_ONEDNN_OPTS=0` selects.
"""


def assert_close(got, want, profile="fp32"):
    """Asserts that two arrays have the same shape and agree within a profile of `bertferry.verify.tolerance`.

    A profile's bounds are in units of float32's precision; for float64, they are scaled to its precision.
    """
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    tolerance = PROFILES[profile]
    finer = np.finfo(np.float64).eps / np.finfo(np.float32).eps if got.dtype == np.float64 else 1.0
    wide_got, wide_want = got.astype(np.float64), want.astype(np.float64)
    assert np.isfinite(wide_got).all()
    if np.isfinite(tolerance.atol):  # int8 bounds the noise alone
        np.testing.assert_allclose(wide_got, wide_want, atol=finer * tolerance.atol, rtol=finer * tolerance.rtol)
    signal, noise = np.sum(wide_want**2), np.sum((wide_got - wide_want) ** 2)
    if want.size >= SQNR_ELEMENTS and tolerance.min_sqnr_db is not None and noise > 0:
        assert 10 * np.log10(signal / noise) >= tolerance.min_sqnr_db
