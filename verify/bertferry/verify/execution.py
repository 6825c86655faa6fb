"""How one side of a comparison runs: engine, device and precision."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bertferry.core.choices import check_choice
from bertferry.core.errors import UnavailableError, UsageError
from bertferry.verify.tolerance import PROFILES

DEVICES = ("cpu", "gpu", "tpu", "tpu-emulated", "xla")
"""`xla` compiles for the CPU; `tpu-emulated` also rounds the operands of matrix products to bfloat16."""
RUN_PRECISIONS = ("fp32", "fp16", "bf16", "tf32", "int8", "fp64")
ENGINES = ("auto", "numpy", "tensorflow")
"""What computes a checkpoint: this project's NumPy network or its Keras networks. `auto` is `numpy` on the CPU in
fp32 and fp64, otherwise `tensorflow`."""
GRAPH_OPTIMIZATIONS = ("none", "basic", "extended", "all")
"""ONNX Runtime's optimization levels."""
FLOATS = {"fp32": "float32", "tf32": "float32", "fp16": "float16", "bf16": "bfloat16", "fp64": "float64"}
"""Type of weights and activations; tf32 is a GPU mode for multiplying float32 values."""

_OF_PRECISION = {"fp16": "fp16", "bf16": "bf16", "tf32": "fp16", "int8": "int8"}
_OF_DEVICE = {
    "gpu": "fp32-cross",
    "xla": "fp32-cross",
    "tpu": "bf16-products",
    "tpu-emulated": "bf16-products",
}


@dataclass(frozen=True)
class Execution:
    """How to run an artifact.

    `precision` is None for the artifact's own precision; `engine` is for checkpoints, one of `ENGINES`;
    `graph_optimization` and `threads` are ONNX Runtime's; `reference` makes messages name the reference's flags.
    """

    device: str = "cpu"
    precision: str | None = None
    graph_optimization: str = "all"
    threads: int | None = None
    reference: bool = False
    engine: str = "auto"

    def __post_init__(self) -> None:
        check_choice("device", self.device, DEVICES)
        check_choice("precision", self.precision, RUN_PRECISIONS)
        check_choice("engine", self.engine, ENGINES)
        check_choice("graph optimization", self.graph_optimization, GRAPH_OPTIMIZATIONS)
        if self.precision == "tf32" and self.device != "gpu":
            conflict = f"{self.flag('precision')} tf32 needs {self.flag('device')} gpu"
            raise UnavailableError(f"{conflict}: only GPUs support TensorFloat-32")

    def flag(self, name: str) -> str:
        """The flag of `verify-parity` that sets the device or the precision."""
        return f"--reference-{name}" if self.reference else f"--{name}"

    def check(self, name: str, devices: Sequence[str], precisions: Sequence[str], remedy: str) -> None:
        """Rejects a device or precision that a kind of artifact does not support.

        Raises:
          UsageError: with the remedy for a precision.
        """
        if self.device not in devices:
            raise UsageError(
                f"{name} cannot run on {self.flag('device')} {self.device}: expected one of {', '.join(devices)}"
            )
        if self.precision is not None and self.precision not in precisions:
            raise UsageError(f"{name} cannot run in {self.flag('precision')} {self.precision}: {remedy}")

    def of_checkpoint(self) -> "Execution":
        """The same with the engine that runs a checkpoint in place of `auto`.

        Raises:
          UsageError: the NumPy network does not run like this.
        """
        fits = self.device == "cpu" and self.precision in (None, "fp32", "fp64")
        if self.engine == "numpy" and not fits:
            name, value = ("device", self.device) if self.device != "cpu" else ("precision", self.precision)
            raise UsageError(
                f"--engine numpy runs on the CPU in fp32 and fp64, not with {self.flag(name)} {value}",
                "leave out --engine",
            )
        chosen = "numpy" if fits else "tensorflow"
        return replace(self, engine=chosen) if self.engine == "auto" else self

    def profile(self, own: str = "fp32") -> str:
        """The profile to expect of an artifact whose own profile is `own`, when it runs like this."""
        order = list(PROFILES)
        profiles = (own, _OF_DEVICE.get(self.device, "exact"), _OF_PRECISION.get(self.precision or "", "exact"))
        return max(profiles, key=order.index)

    def describe(self) -> str:
        """Text for the report: `cpu`, `gpu fp16`, `numpy cpu`."""
        engine = "" if self.engine == "auto" else self.engine
        level = "" if self.graph_optimization == "all" else f"graph optimizations {self.graph_optimization}"
        threads = "" if self.threads is None else f"threads {self.threads}"
        return " ".join(part for part in (engine, self.device, self.precision, level, threads) if part)


DEFAULT_EXECUTION = Execution()
"""On the CPU, in the artifact's own precision."""


def parse_names(values: Sequence[str]) -> dict[str, str]:
    """Parses pairs `THEIRS=OURS`, several separated by commas.

    Raises:
      UsageError: a pair has another form.
    """
    names = {}
    for pair in (pair for value in values for pair in value.split(",")):
        theirs, equals, ours = pair.partition("=")
        if not (theirs and equals and ours):
            raise UsageError(f"--map {pair}: expected THEIRS=OURS, such as input_ids=input_word_ids")
        names[theirs] = ours
    return names
