"""Inputs that every side of a comparison takes: of a fixed shape, without padding, of one segment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bertferry.core.errors import UsageError
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.verify.artifact import Artifact
from bertferry.verify.probes import Probe

AXES = ("batch", "length")


@dataclass(frozen=True)
class Restriction:
    """What an artifact does not take: `what` says it, and `fits` are the inputs that it takes all the same."""

    artifact: str
    what: str
    axis: int | None = None
    size: int = 0
    missing: str = ""

    def fits(self, probe: Probe) -> bool:
        """Whether the artifact takes the probe as it is."""
        if self.axis is not None:
            return bool(probe.inputs[ENCODER_INPUTS[0]].shape[self.axis] == self.size)
        return bool((probe.inputs[self.missing] == int(self.missing == "input_mask")).all())


def find_restrictions(artifacts: Sequence[Artifact]) -> list[Restriction]:
    """What the artifacts declare.

    Raises:
      UsageError: a dimension is fixed at different sizes.
    """
    found = [at for side in artifacts for at in _restrictions(side)]
    for axis, name in enumerate(AXES):
        fixed = [at for at in found if at.axis == axis]
        if other := next((at for at in fixed if at.size != fixed[0].size), None):
            raise UsageError(
                f"{fixed[0].artifact}: its {name} is fixed at {fixed[0].size}, and that of {other.artifact} at "
                f"{other.size}: no input fits both"
            )
    return found


def _restrictions(side: Artifact) -> Iterator[Restriction]:
    if side.interface is None:
        return
    takes = side.interface.inputs
    for axis, name in enumerate(AXES):
        sizes = {sizes[axis] for at, sizes in takes.items() if at in ENCODER_INPUTS and sizes and len(sizes) == 2}
        for size in sorted(sizes - {None}, key=str):
            yield Restriction(side.name, f"its {name} is fixed at {size}", axis, size or 0)
    for missing, what in (("input_mask", "no mask"), ("input_type_ids", "no segments")):
        if takes and missing not in takes:
            yield Restriction(side.name, f"it takes {what} ({missing})", missing=missing)


def check_fit(probes: Sequence[Probe], restrictions: Sequence[Restriction]) -> None:
    """Refuses probes that an artifact does not take.

    Raises:
      UsageError: with the ways out.
    """
    for at in restrictions:
        fitting = [probe.name for probe in probes if at.fits(probe)]
        if len(fitting) < len(probes):
            chosen = f", or choose inputs with --probes '{','.join(fitting)}'" if fitting else ""
            raise UsageError(f"{at.artifact}: {at.what}: compare on inputs of that kind with --fit-inputs{chosen}")


def fit_probes(probes: Sequence[Probe], restrictions: Sequence[Restriction], pad_id: int = 0) -> tuple[Probe, ...]:
    """The same probes as far as the artifacts take them: padded or truncated to a fixed length, in batches of a
    fixed size (the last one filled with its first rows), with segment 0, and without those that are padded.

    Raises:
      UsageError: none is left.
    """
    fitted = list(probes)
    for at in sorted(restrictions, key=lambda at: at.axis == 0):  # batches last, when rows are what they will be
        if at.axis == 1:
            fitted = [_with_length(probe, at.size, pad_id) for probe in fitted]
        elif at.axis == 0:
            fitted = [batch for probe in fitted for batch in _in_batches(probe, at.size)]
        elif at.missing == "input_mask":
            fitted = [probe for probe in fitted if at.fits(probe)]
        else:
            fitted = [_without_segments(probe) for probe in fitted]
    if not fitted:
        raise UsageError("no input is left that every artifact takes: give others with --inputs FILE.npz")
    return tuple(fitted)


def _with_length(probe: Probe, length: int, pad_id: int) -> Probe:
    short = {
        name: array[:, :length] if name in ENCODER_INPUTS else np.minimum(array, length - 1)
        for name, array in probe.inputs.items()
    }
    padding = max(0, length - short[ENCODER_INPUTS[0]].shape[1])
    padded = {
        name: np.pad(array, ((0, 0), (0, padding)), constant_values=pad_id if name == ENCODER_INPUTS[0] else 0)
        if name in ENCODER_INPUTS
        else array
        for name, array in short.items()
    }
    return replace(probe, inputs=padded)


def _in_batches(probe: Probe, size: int) -> Iterator[Probe]:
    rows = probe.inputs[ENCODER_INPUTS[0]].shape[0]
    for start in range(0, rows, size):
        chosen = np.resize(np.arange(start, min(start + size, rows)), size)
        name = probe.name if rows <= size else f"{probe.name} (row {start + 1})"
        inputs = {at: array[chosen] for at, array in probe.inputs.items()}
        yield replace(
            probe, name=name, inputs=inputs, texts=tuple(probe.texts[row] for row in chosen if probe.texts)
        )


def _without_segments(probe: Probe) -> Probe:
    segments = probe.inputs["input_type_ids"]
    return replace(probe, inputs={**probe.inputs, "input_type_ids": np.zeros_like(segments)})
