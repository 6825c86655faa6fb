"""What a comparison runs, and what it counts as equal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bertferry.core.choices import check_choice, check_count
from bertferry.core.errors import UsageError
from bertferry.core.tasks import TASKS
from bertferry.verify.execution import Execution
from bertferry.verify.tolerance import PROFILES

PROFILE_CHOICES = ("auto", *PROFILES)
POSITIONS = ("all", "unmasked")
JUDGE_PADDING = ("auto", "always", "never")


@dataclass(frozen=True)
class ParityOptions:
    """What a comparison runs, and what it counts as equal.

    Attributes:
      task: what a checkpoint computes, one of `TASKS`.
      device, precision: of the candidates, see `bertferry.verify.execution`; None is an artifact's own precision.
      reference_device, reference_precision: of the reference; `fp64` makes it the arbiter of who drifted.
      graph_optimization, threads: of ONNX Runtime, for all ONNX files.
      names: an artifact's own input and output names, and those that they stand for.
      profile: a name in `PROFILES`, or `auto` for that of the side that can agree least closely.
      atol, rtol: in place of the profile's.
      overrides: tolerances of single outputs, see `parse_overrides`.
      positions: `unmasked` judges outputs over the sequence only where the mask is 1.
      judge_padding: whether rows that are all padding are judged; `auto`: if both sides agree on what is right.
      probes: names of those to run, by default all.
      texts: a file with one text per line, in place of the probes; needs a vocabulary beside an artifact.
      inputs: an `.npz` of inputs, in place of the probes.
      seed: of the probes.
      localize: also compare the values inside, and name the first point that drifts.
      save_golden: an `.npz` to store the inputs and the reference's outputs in.
      baseline: an earlier report (JSON); getting worse than it by more than noise is a disagreement.

    Raises:
      UsageError: an unknown name, or options that do not go together.
      UnavailableError: a precision that the device does not have.
    """

    task: str = "encoder"
    device: str = "cpu"
    precision: str | None = None
    reference_device: str = "cpu"
    reference_precision: str | None = None
    graph_optimization: str = "all"
    threads: int | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    profile: str = "auto"
    atol: float | None = None
    rtol: float | None = None
    overrides: tuple[str, ...] = ()
    positions: str = "all"
    judge_padding: str = "auto"
    probes: tuple[str, ...] = ()
    texts: str | Path | None = None
    inputs: str | Path | None = None
    seed: int = 0
    localize: bool = False
    save_golden: str | Path | None = None
    baseline: str | Path | None = None

    def __post_init__(self) -> None:
        check_choice("task", self.task, TASKS)
        check_choice("profile", self.profile, PROFILE_CHOICES)
        check_choice("positions", self.positions, POSITIONS)
        check_choice("judge_padding", self.judge_padding, JUDGE_PADDING)
        check_count("threads", self.threads)
        if self.inputs is not None and self.texts is not None:
            raise UsageError("give either --inputs or --texts")
        self.of_reference()
        self.of_candidates()

    def of_reference(self) -> Execution:
        """How the reference runs."""
        return Execution(
            self.reference_device,
            self.reference_precision,
            self.graph_optimization,
            self.threads,
            self.names,
            reference=True,
        )

    def of_candidates(self) -> Execution:
        """How the candidates run."""
        return Execution(self.device, self.precision, self.graph_optimization, self.threads, self.names)
