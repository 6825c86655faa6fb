"""Named tolerances: how much two artifacts may differ."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bertferry.core.errors import UsageError

HALF_RTOL = 1e-2
"""The smallest relative tolerance of a profile for half precision."""


@dataclass(frozen=True)
class Tolerance:
    """`|candidate - reference| ≤ atol + rtol·|reference|` everywhere, and the aggregate criteria that are set.

    `min_sqnr_db` is the minimum signal-to-quantization-noise ratio of an output in dB, `min_cosine` the minimum
    cosine similarity of a row with the reference's, `min_text_cosine` that of the vector of a text,
    `min_rank_correlation` the minimum rank correlation of similarities, `max_loss` the largest loss of a score on
    labeled texts, such as 0.01 of the accuracy. A step that adds more than `local_noise` counts as the beginning
    of a drift.
    """

    name: str
    atol: float
    rtol: float
    min_sqnr_db: float | None = None
    min_cosine: float | None = None
    min_rank_correlation: float | None = None
    local_noise: float = 0.0
    min_text_cosine: float | None = None
    max_loss: float | None = None

    @property
    def judges(self) -> bool:
        """Whether anything can exceed it."""
        return self.judges_outputs or self.max_loss is not None

    @property
    def judges_outputs(self) -> bool:
        """Whether any difference between outputs can exceed it."""
        criteria = (self.min_sqnr_db, self.min_cosine, self.min_text_cosine, self.min_rank_correlation)
        return math.isfinite(self.atol) or any(criterion is not None for criterion in criteria)

    @property
    def is_half(self) -> bool:
        """Whether it is for values of 16 bits or less: outputs in float16 then count as float32."""
        return self.rtol >= HALF_RTOL or not math.isfinite(self.atol)

    def describe(self) -> str:
        """Its name and bounds, for reports."""
        loss = "" if self.max_loss is None else f"a loss of at most {self.max_loss:g}"
        if math.isfinite(self.atol):
            return f"{self.name} (atol {self.atol:g}, rtol {self.rtol:g}{', ' * bool(loss)}{loss})"
        criteria = {
            "SQNR {:g} dB": self.min_sqnr_db,
            "cosine {:g}": self.min_cosine,
            "cosine of a text {:g}": self.min_text_cosine,
            "rank correlation {:g}": self.min_rank_correlation,
        }
        least = [text.format(value) for text, value in criteria.items() if value is not None]
        allowed = [f"at least {', '.join(least)}"] * bool(least) + [loss] * bool(loss)
        return f"{self.name} ({', '.join(allowed)})" if allowed else self.name

    def with_bounds(self, atol: float | None, rtol: float | None) -> "Tolerance":
        """The tolerance with other bounds, which also replace its SQNR.

        Raises:
          UsageError: a bound is negative.
        """
        if atol is None and rtol is None:
            return self
        tolerance = replace(
            self,
            name="the given tolerance",
            atol=self.atol if atol is None else atol,
            rtol=self.rtol if rtol is None else rtol,
            min_sqnr_db=None,
        )
        if not (tolerance.atol >= 0 and tolerance.rtol >= 0):
            raise UsageError(f"atol {tolerance.atol} and rtol {tolerance.rtol} must not be negative")
        return tolerance


PROFILES = {
    profile.name: profile
    for profile in (
        Tolerance("exact", 0.0, 0.0),
        Tolerance("fp32", 3e-5, 1e-4, min_sqnr_db=100.0, local_noise=2e-6),
        Tolerance("fp32-cross", 2e-4, 1e-3, min_sqnr_db=90.0, local_noise=5e-6),
        Tolerance("fp16", 3e-2, HALF_RTOL, min_sqnr_db=40.0, local_noise=5e-3),
        Tolerance("bf16-products", 2e-1, 2e-2, min_sqnr_db=30.0, local_noise=2e-2),
        Tolerance("bf16", 3e-1, 5e-2, min_sqnr_db=25.0, local_noise=3e-2),
        Tolerance(
            "int8",
            math.inf,
            0.0,
            min_sqnr_db=15.0,
            min_cosine=0.95,
            min_text_cosine=0.99,
            min_rank_correlation=0.995,
            local_noise=2e-1,
        ),
    )
}
"""From strict to loose. `fp32` is for NumPy and TensorFlow on a CPU, `fp32-cross` for other compilers, frameworks
or devices; `int8` is meaningful for trained weights only.

Calibrated with `tools/calibrate.py`; see docs/verification.md.
"""

TASK_PROFILE = Tolerance("task", math.inf, 0.0, max_loss=0.01, local_noise=PROFILES["int8"].local_noise)
"""Judges scores on labeled texts and nothing else: what a user of a quantized model would notice."""


def profile(name: str, margin: float | None = None) -> Tolerance:
    """Looks up a profile by name; a margin is the loss that `task` allows.

    Raises:
      UsageError: an unknown name; the message lists the known ones.
    """
    if name == TASK_PROFILE.name:
        return TASK_PROFILE if margin is None else replace(TASK_PROFILE, max_loss=margin)
    if name not in PROFILES:
        raise UsageError(f"unknown profile {name!r}: expected one of {', '.join(PROFILES)}")
    return PROFILES[name]


def check_margin(margin: float | None, name: str) -> None:
    """Checks a margin for the profile with a name.

    Raises:
      UsageError: it is no share, or for another profile.
    """
    if margin is None:
        return
    if name != TASK_PROFILE.name:
        raise UsageError(
            f"--margin is the loss that --profile {TASK_PROFILE.name} allows, not {name}: give that, too"
        )
    if not 0 <= margin <= 1:
        raise UsageError(
            f"--margin {margin:g}: expected a share between 0 and 1, such as 0.01 for a point of accuracy"
        )


def loosest(names: Iterable[str]) -> str:
    """The loosest of some profiles, by name."""
    return max(names, key=list(PROFILES).index)


def parse_overrides(values: Sequence[str], base: Tolerance) -> dict[str, Tolerance]:
    """Parses tolerances of single outputs.

    Args:
      values: each `OUTPUT=PROFILE`, `OUTPUT=ATOL,RTOL`, or the path of a `.json` file with an object that maps
        output names to `PROFILE` or `ATOL,RTOL`.
      base: provides the other criteria if only bounds are specified.

    Raises:
      UsageError: a value has another form, or a file is unreadable.
    """
    overrides: dict[str, Tolerance] = {}
    for item in values:
        if item.endswith(".json"):
            overrides |= {
                name: _parse_override(f"{name}={value}", base)[1]
                for name, value in _read_json_object(Path(item)).items()
            }
        else:
            name, tolerance = _parse_override(item, base)
            overrides[name] = tolerance
    return overrides


def _parse_override(item: str, base: Tolerance) -> tuple[str, Tolerance]:
    name, equals, value = item.partition("=")
    if not (name and equals and value):
        raise UsageError(f"--override {item}: expected OUTPUT=PROFILE, OUTPUT=ATOL,RTOL or a .json file")
    if value in PROFILES:
        return name, PROFILES[value]
    try:
        atol, rtol = (float(number) for number in value.split(","))
    except ValueError as error:
        raise UsageError(
            f"--override {item}: {value!r} is neither ATOL,RTOL nor one of {', '.join(PROFILES)}"
        ) from error
    return name, base.with_bounds(atol, rtol)


def _read_json_object(path: Path) -> Mapping[str, str]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a readable file of tolerances: {error}") from error
    if not isinstance(values, dict):
        raise UsageError(f"{path}: not a file of tolerances: expected a JSON object")
    return values
