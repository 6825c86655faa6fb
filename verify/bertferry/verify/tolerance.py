"""How far two artifacts may lie apart, by name."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bertferry.core.errors import UsageError


@dataclass(frozen=True)
class Tolerance:
    """|candidate - reference| ≤ atol + rtol·|reference| everywhere, and the aggregate criteria that are set.

    `min_sqnr_db` is the least signal-to-quantization-noise ratio of an output in dB, `min_cosine` the least cosine
    of a row with the reference's, `min_rank_correlation` the least correlation of the order of similarities.
    `local_noise` is what a single step may add before it counts as where a drift begins.
    """

    name: str
    atol: float
    rtol: float
    min_sqnr_db: float | None = None
    min_cosine: float | None = None
    min_rank_correlation: float | None = None
    local_noise: float = 0.0

    @property
    def judges(self) -> bool:
        """Whether values can lie too far apart for it."""
        criteria = (self.min_sqnr_db, self.min_cosine, self.min_rank_correlation)
        return math.isfinite(self.atol) or any(criterion is not None for criterion in criteria)

    def words(self) -> str:
        """Its name, and what it bounds."""
        if math.isfinite(self.atol):
            return f"{self.name} (atol {self.atol:g}, rtol {self.rtol:g})"
        criteria = {
            "SQNR {:g} dB": self.min_sqnr_db,
            "cosine {:g}": self.min_cosine,
            "rank correlation {:g}": self.min_rank_correlation,
        }
        least = [text.format(value) for text, value in criteria.items() if value is not None]
        return f"{self.name} (at least {', '.join(least)})" if least else self.name

    def changed(self, atol: float | None, rtol: float | None) -> "Tolerance":
        """The given bounds in place of its own, and of its ratio of signal to noise.

        Raises:
          UsageError: they are negative.
        """
        if atol is None and rtol is None:
            return self
        given = replace(
            self,
            name="the given tolerance",
            atol=self.atol if atol is None else atol,
            rtol=self.rtol if rtol is None else rtol,
            min_sqnr_db=None,
        )
        if not (given.atol >= 0 and given.rtol >= 0):
            raise UsageError(f"atol {given.atol} and rtol {given.rtol} must not be negative")
        return given


PROFILES = {
    profile.name: profile
    for profile in (
        Tolerance("exact", 0.0, 0.0),
        Tolerance("fp32", 3e-5, 1e-4, min_sqnr_db=100.0, local_noise=2e-6),
        Tolerance("fp32-cross", 2e-4, 1e-3, min_sqnr_db=90.0, local_noise=5e-6),
        Tolerance("fp16", 3e-2, 1e-2, min_sqnr_db=40.0, local_noise=5e-3),
        Tolerance("bf16-products", 2e-1, 2e-2, min_sqnr_db=30.0, local_noise=2e-2),
        Tolerance("bf16", 3e-1, 5e-2, min_sqnr_db=25.0, local_noise=3e-2),
        Tolerance(
            "int8",
            math.inf,
            0.0,
            min_sqnr_db=15.0,
            min_cosine=0.95,
            min_rank_correlation=0.99,
            local_noise=2e-1,
        ),
    )
}
"""From strict to loose. `fp32` is for one framework on a CPU, `fp32-cross` for other compilers, frameworks or
devices; `int8` means something on trained weights only.

Calibrated with `tools/calibrate.py`; see docs/verification.md.
"""


def profile(name: str) -> Tolerance:
    """The profile of a name.

    Raises:
      UsageError: naming the known ones.
    """
    if name not in PROFILES:
        raise UsageError(f"unknown profile {name!r}: expected one of {', '.join(PROFILES)}")
    return PROFILES[name]


def parse_overrides(given: Sequence[str], base: Tolerance) -> dict[str, Tolerance]:
    """Tolerances of single outputs.

    Args:
      given: `OUTPUT=PROFILE` or `OUTPUT=ATOL,RTOL` each, or the path of a `.json` file of an object with output
        names as keys and such strings as values.
      base: whose other criteria stay where only bounds are given.

    Raises:
      UsageError: not of these forms, or an unreadable file.
    """
    found: dict[str, Tolerance] = {}
    for item in given:
        if item.endswith(".json"):
            found |= {name: _override(f"{name}={value}", base)[1] for name, value in _read(Path(item)).items()}
        else:
            name, tolerance = _override(item, base)
            found[name] = tolerance
    return found


def _override(item: str, base: Tolerance) -> tuple[str, Tolerance]:
    name, equals, value = item.partition("=")
    if not (name and equals and value):
        raise UsageError(f"--override {item}: OUTPUT=PROFILE, OUTPUT=ATOL,RTOL or a .json file expected")
    if value in PROFILES:
        return name, PROFILES[value]
    try:
        atol, rtol = (float(number) for number in value.split(","))
    except ValueError as error:
        raise UsageError(
            f"--override {item}: {value!r} is neither ATOL,RTOL nor one of {', '.join(PROFILES)}"
        ) from error
    return name, base.changed(atol, rtol)


def _read(path: Path) -> Mapping[str, str]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a readable file of tolerances: {error}") from error
    if not isinstance(values, dict):
        raise UsageError(f"{path}: not a file of tolerances: a JSON object is expected")
    return values
