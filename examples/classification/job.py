"""What is to be done: the source, the texts, how to train."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.options import TrainingOptions

from bertferry.convert import Checkpoint, SourceOptions
from classification.labeled_texts import LabeledTexts
from classification.targets import Targets


@dataclass(frozen=True)
class Job:
    """A classifier to fine-tune.

    Attributes:
      path: of the checkpoint or Hub module, as it was given.
      source: it, opened.
      source_options: with which it was opened.
      is_module: whether it is a Hub module, which is trained as such.
      module_dropout: whether a module drops values in training.
      dropout: the share of values that training drops instead of the configuration's.
      targets: what labels mean.
      parts: the texts: `train`, `validation`, `test`.
      options: how to train.
      output: the folder to fill.
    """

    path: Path
    source: Checkpoint
    source_options: SourceOptions
    is_module: bool
    module_dropout: bool
    dropout: float | None
    targets: Targets
    parts: dict[str, LabeledTexts]
    options: TrainingOptions
    output: Path

    def origin(self) -> dict[str, Any]:
        """What a run is begun with: another one cannot go on with its checkpoints."""
        files = {
            f"{'the module' if self.is_module else 'the checkpoint'} ({file.name})": _digest(file)
            for file in self.source.location.files
        }
        texts = {f"the texts to {use}": self.parts[part].digest for part, use in USES.items()}
        flags = {f"--{name.replace('_', '-')}": value for name, value in asdict(self.options).items()}
        stated = {
            f"--{name.replace('_', '-')}": str(value)
            for name, value in asdict(self.source_options).items()
            if value is not None
        }
        dropout: dict[str, float] = {"--no-module-dropout": not self.module_dropout} if self.is_module else {}
        dropout |= {} if self.dropout is None else {"--dropout": self.dropout}
        return {**files, **texts, "the classes": list(self.targets.names), **flags, **stated, **dropout}


USES = {"train": "train on", "validation": "validate on", "test": "test on"}


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
