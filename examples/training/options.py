"""How a model is trained, and the flags for it that the examples share."""

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass

from bertferry.core.errors import UsageError


@dataclass(frozen=True)
class TrainingOptions:
    """How a model is trained.

    Attributes:
      epochs: at most; `patience` may end training before.
      batch_size: examples per step.
      learning_rate: the highest, at the end of the warm-up; from there it falls linearly to 0.
      warmup: the share of all steps in which the rate rises linearly from 0.
      weight_decay: of all variables but norms and biases.
      clip_norm: the largest norm of all gradients together; larger ones are scaled down to it.
      seed: of initial values, of the order of examples, and of dropout.
      patience: epochs without a better score after which training ends; 0: it never does.
      save_every: steps between checkpoints; there is also one at the end of every epoch.

    Raises:
      UsageError: a number that is out of range.
    """

    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 2e-5
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    seed: int = 0
    patience: int = 0
    save_every: int = 200

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate", "clip_norm", "save_every"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{_flag(name)} {getattr(self, name)}: expected a number above 0")
        for name in ("weight_decay", "patience", "seed"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{_flag(name)} {getattr(self, name)}: expected 0 or a number above it")
        if not 0 <= self.warmup <= 1:
            raise UsageError(f"--warmup {self.warmup}: expected a share from 0 to 1")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def add_training_flags(parser: ArgumentParser, defaults: TrainingOptions = TrainingOptions()) -> None:
    """Adds the flags of `TrainingOptions` to a script."""
    group = parser.add_argument_group("training")

    def add(name: str, kind: type, text: str) -> None:
        default = getattr(defaults, name)
        metavar = "N" if kind is int else "X"
        group.add_argument(
            _flag(name), type=kind, metavar=metavar, default=default, help=f"{text}; default: {default}"
        )

    add("epochs", int, "most rounds through the data")
    add("batch_size", int, "examples per step")
    add("learning_rate", float, "highest rate, at the end of the warm-up")
    add("warmup", float, "share of all steps in which the rate rises; it falls to 0 in the others")
    add("weight_decay", float, "decay of all weights but norms and biases")
    add("clip_norm", float, "largest norm of the gradients")
    add("seed", int, "seed of everything random")
    add("patience", int, "epochs without a better score after which training ends; 0: never")
    add("save_every", int, "steps between checkpoints")


def training_options(arguments: Namespace) -> TrainingOptions:
    """The options that were given with those flags."""
    return TrainingOptions(**{name: getattr(arguments, name) for name in TrainingOptions.__dataclass_fields__})
