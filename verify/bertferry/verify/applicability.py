"""Refuses flags of verify-parity that cannot act on the artifacts and inputs at hand."""

from collections.abc import Sequence

from bertferry.convert import SourceOptions
from bertferry.core.errors import UsageError
from bertferry.core.tasks import GRAPH_TASKS
from bertferry.verify.options import ParityOptions
from bertferry.verify.probes import Probe

WITH_WEIGHTS = ("checkpoint", "huggingface")
POINTS = ("checkpoint", "hub", "savedmodel", "onnx")
"""Kinds that may have named intermediate values."""
SOURCE_FLAGS = {
    "layout": "--from",
    "config": "--config",
    "prefix": "--prefix",
    "num_attention_heads": "--num-attention-heads",
    "activation": "--activation",
}


def check_kinds(options: ParityOptions, source: SourceOptions, kinds: Sequence[str]) -> None:
    """Refuses options for kinds of artifacts of which there is none.

    Args:
      options: as given.
      source: how checkpoints are read.
      kinds: of the reference and of the candidates.

    Raises:
      UsageError: naming the flags.
    """
    if (options.threads, options.graph_optimization) != (None, "all") and "onnx" not in kinds:
        raise UsageError("--threads and --graph-optimization apply to ONNX files only, and no artifact is one")
    if options.engine != "auto" and "checkpoint" not in kinds:
        raise UsageError("--engine applies to checkpoints only, and no artifact is one")
    given = [flag for name, flag in SOURCE_FLAGS.items() if getattr(source, name) not in (None, "auto")]
    if given and not set(kinds) & set(WITH_WEIGHTS):
        raise UsageError(f"{', '.join(given)}: for checkpoints only, and no artifact is one")
    if options.localize and not (kinds[0] in POINTS and set(kinds[1:]) & set(POINTS)):
        without = kinds[0] if kinds[0] not in POINTS else kinds[1]
        raise UsageError(
            f"--localize compares intermediate values on both sides, and {without} artifacts have none"
        )
    if set(kinds) == {"golden"} and options.task != "encoder":
        raise UsageError("--task is for artifacts that run, and all of these are stored outputs: leave it out")
    if "golden" in kinds and options.seed:
        raise UsageError("--seed is for the seeded probes, which the stored inputs replace: leave it out")


def check_padding(options: ParityOptions, probes: Sequence[Probe]) -> None:
    """Refuses options for padded inputs if there are none, or no output has a value per token.

    Raises:
      UsageError: naming the flag.
    """
    if options.positions == "unmasked" and not GRAPH_TASKS[options.task].per_token:
        raise UsageError(
            f"--positions unmasked: no output of task {options.task} has values per token: leave it out"
        )
    if options.judge_padding != "auto" and all(probe.inputs["input_mask"].any(axis=1).all() for probe in probes):
        raise UsageError("--judge-padding is for rows of padding, and no input has one: leave it out")
