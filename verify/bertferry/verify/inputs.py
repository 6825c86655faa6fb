"""The inputs of a comparison: those given, those stored with an artifact, or the standard probes."""

from collections.abc import Sequence
from dataclasses import replace

from bertferry.core.errors import DataError, UsageError
from bertferry.core.tasks import GRAPH_TASKS, POSITIONS_INPUT
from bertferry.verify.artifact import Artifact
from bertferry.verify.probes import ModelLimits, Probe, padded_on_the_right, select_probes, standard_probes


def select_inputs(
    artifacts: Sequence[Artifact],
    task: str,
    seed: int = 0,
    given: Sequence[Probe] = (),
    names: Sequence[str] = (),
    *,
    length: int | None = None,
) -> tuple[Probe, ...]:
    """The given or stored inputs if there are any, else the standard probes.

    Args:
      artifacts: all sides.
      task: what they compute.
      seed: of the standard probes.
      given: inputs that replace all others.
      names: of the probes to keep, by default all.
      length: the longest sequences of the standard probes, by default those that the models take.

    Raises:
      UsageError: no artifact states which inputs are valid, or no probe has one of the names.
      DataError: artifacts of different sizes, or inputs that are invalid for them.
    """
    limits = find_limits(artifacts)
    probes = tuple(given or stored_inputs(artifacts))
    if not probes and limits is None:
        raise UsageError("no artifact states which inputs are valid: give some with --inputs FILE.npz")
    if not probes and limits is not None:
        longest = min(limits.max_positions, length or limits.max_positions)
        drawn_from = replace(limits, max_positions=longest)
        with_positions = POSITIONS_INPUT in GRAPH_TASKS[task].input_names
        probes = standard_probes(drawn_from, seed, with_positions=with_positions)
        if count_differently(artifacts):
            probes = padded_on_the_right(probes, limits)
    probes = select_probes(probes, names)
    _check_limits(artifacts, probes)
    return probes


def stored_inputs(artifacts: Sequence[Artifact]) -> Sequence[Probe]:
    """The inputs that the first artifact with any has."""
    return next((side.probes for side in artifacts if side.probes), ())


def find_limits(artifacts: Sequence[Artifact]) -> ModelLimits | None:
    """The valid inputs that the first artifact with any states."""
    return next((side.limits for side in artifacts if side.limits), None)


def count_differently(artifacts: Sequence[Artifact]) -> bool:
    """Whether some count positions over ids and others do not: they agree on tokens before padding alone."""
    return len({side.limits.counts_positions for side in artifacts if side.limits}) > 1


def _check_limits(artifacts: Sequence[Artifact], probes: Sequence[Probe]) -> None:
    """Rejects artifacts of different sizes, and inputs that are invalid for them."""
    limited = [side for side in artifacts if side.limits]
    for side in limited[1:]:
        if _sizes(side.limits) != _sizes(limited[0].limits):
            raise DataError(
                f"{side.name} has a different configuration from {limited[0].name}: "
                f"{side.limits}, {limited[0].limits}"
            )
    if not limited or limited[0].limits is None:
        return
    limits = limited[0].limits
    for probe in probes:
        ids, segments = probe.inputs["input_word_ids"], probe.inputs["input_type_ids"]
        for what, value, limit in (
            ("token id", ids.max(), limits.vocab_size - 1),
            ("segment id", segments.max(), limits.type_vocab_size - 1),
            ("length", ids.shape[1], limits.max_positions),
        ):
            if value > limit:
                raise DataError(f"{probe.name}: {what} {value} exceeds the model's maximum, {limit}")


def _sizes(limits: ModelLimits | None) -> ModelLimits | None:
    return limits and replace(limits, counts_positions=False)
