"""What a comparison runs, and what counts as equal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bertferry.core.choices import check_choice, check_count
from bertferry.core.errors import UsageError
from bertferry.core.tasks import GRAPH_TASKS
from bertferry.verify.execution import Execution
from bertferry.verify.tolerance import PROFILES, TASK_PROFILE, check_margin

PROFILE_CHOICES = ("auto", *PROFILES, TASK_PROFILE.name)
OUTPUTS = ("all", "common")
POSITIONS = ("all", "unmasked")
JUDGE_PADDING = ("auto", "always", "never")


@dataclass(frozen=True)
class ParityOptions:
    """What a comparison runs, and what counts as equal.

    Attributes:
      task: what a checkpoint computes, one of `GRAPH_TASKS`.
      device, precision: how candidates run, see `bertferry.verify.execution`; None is an artifact's own precision.
      reference_device, reference_precision: how the reference runs; `fp64` makes it the ground truth.
      graph_optimization, threads: ONNX Runtime's settings for all ONNX files.
      engine: what computes checkpoints, see `bertferry.verify.execution`.
      names: standard names by an artifact's own input and output names, besides those that are known.
      outputs: `all`, or `common` to compare only those that both sides have.
      fit_inputs: give the artifacts only inputs that all of them take: of a fixed shape, in one segment, unpadded.
      profile: a name in `PROFILES`, or `auto` for the loosest profile of the artifacts compared.
      atol, rtol: replace the profile's.
      overrides: tolerances of single outputs, see `parse_overrides`.
      positions: `unmasked` compares per-token outputs only where the mask is 1.
      judge_padding: whether to compare all-padding rows; `auto`: if both artifacts mask in the same way.
      probes: names of the probes to run, by default all.
      texts: a file with one text per line, replaces the probes; at least one artifact needs a vocabulary.
      pairs: each line has two texts, with a tab between them.
      labels: a file with the label of each text, by which both sides are scored: see
        `bertferry.verify.labeled.labels`.
      margin: the loss of a score that the profile `task` allows, by default that of `TASK_PROFILE`.
      inputs: an `.npz` of inputs, replaces the probes.
      seed: the seed of the probes.
      localize: also compare intermediate values, and name the first point that drifts.
      save_golden: an `.npz` file to which the inputs and the reference's outputs are saved.
      baseline: an earlier report (JSON); results that are worse by more than noise disagree.

    Raises:
      UsageError: an unknown name, or conflicting options.
      UnavailableError: the device does not support the precision.
    """

    task: str = "encoder"
    device: str = "cpu"
    precision: str | None = None
    reference_device: str = "cpu"
    reference_precision: str | None = None
    graph_optimization: str = "all"
    threads: int | None = None
    engine: str = "auto"
    names: Mapping[str, str] = field(default_factory=dict)
    outputs: str = "all"
    fit_inputs: bool = False
    profile: str = "auto"
    atol: float | None = None
    rtol: float | None = None
    overrides: tuple[str, ...] = ()
    positions: str = "all"
    judge_padding: str = "auto"
    probes: tuple[str, ...] = ()
    texts: str | Path | None = None
    pairs: bool = False
    labels: str | Path | None = None
    margin: float | None = None
    inputs: str | Path | None = None
    seed: int = 0
    localize: bool = False
    save_golden: str | Path | None = None
    baseline: str | Path | None = None

    def __post_init__(self) -> None:
        check_choice("task", self.task, GRAPH_TASKS)
        check_choice("profile", self.profile, PROFILE_CHOICES)
        check_choice("outputs", self.outputs, OUTPUTS)
        check_choice("positions", self.positions, POSITIONS)
        check_choice("judge_padding", self.judge_padding, JUDGE_PADDING)
        check_count("threads", self.threads)
        if self.inputs is not None and self.texts is not None:
            raise UsageError("give either --inputs or --texts")
        for flag, given in (("--pairs", self.pairs), ("--labels", self.labels is not None)):
            if given and self.texts is None:
                raise UsageError(f"{flag} is about the lines of --texts FILE: give that, too")
        if self.profile == TASK_PROFILE.name and self.labels is None:
            raise UsageError(f"--profile {self.profile} judges scores on labeled texts: give --texts and --labels")
        check_margin(self.margin, self.profile)
        self.reference_execution()
        self.candidate_execution()

    def reference_execution(self) -> Execution:
        """How the reference runs."""
        return Execution(
            self.reference_device,
            self.reference_precision,
            self.graph_optimization,
            self.threads,
            reference=True,
            engine=self.engine,
        )

    def candidate_execution(self) -> Execution:
        """How the candidates run."""
        return Execution(self.device, self.precision, self.graph_optimization, self.threads, engine=self.engine)
