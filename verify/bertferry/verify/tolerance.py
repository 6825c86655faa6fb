"""How far two artefacts may lie apart, by name."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """|candidate - reference| ≤ atol + rtol·|reference| everywhere, and the aggregate criteria that are set.

    `min_sqnr_db` is the least signal-to-quantization-noise ratio of an output in dB, `min_cosine` the least
    cosine of any row with its reference.
    """

    name: str
    atol: float
    rtol: float
    min_sqnr_db: float | None = None
    min_cosine: float | None = None


PROFILES = {
    profile.name: profile
    for profile in (
        Tolerance("exact", 0.0, 0.0),
        Tolerance("fp32", 3e-5, 1e-4, min_sqnr_db=100.0),
        Tolerance("fp32-cross", 2e-4, 1e-3, min_sqnr_db=90.0),
        Tolerance("fp16", 2e-2, 1e-2, min_sqnr_db=45.0),
        Tolerance("bf16-products", 1e-1, 2e-2, min_sqnr_db=35.0),
        Tolerance("bf16", 3e-1, 5e-2, min_sqnr_db=25.0),
        Tolerance("int8", math.inf, 0.0, min_sqnr_db=15.0, min_cosine=0.95),
    )
}
"""From strict to loose. `fp32` is for one framework on a CPU, `fp32-cross` for other compilers, frameworks or
devices; `int8` means something on trained weights only.

Calibrated with `tools/calibrate.py`; see docs/verification.md.
"""


def profile(name: str) -> Tolerance:
    """The profile of a name.

    Raises:
      ValueError: naming the known ones.
    """
    if name not in PROFILES:
        raise ValueError(f"unknown profile {name!r}: known are {', '.join(PROFILES)}")
    return PROFILES[name]
