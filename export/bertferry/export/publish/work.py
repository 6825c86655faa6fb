"""What is known while a folder is being published."""

from dataclasses import dataclass
from pathlib import Path

from bertferry.convert import Checkpoint, SourceOptions
from bertferry.core.sentence import Sentence
from bertferry.export.module_series import ModuleSeries
from bertferry.export.publish.options import PublishOptions
from bertferry.verify.recording import Recording


@dataclass(frozen=True)
class Work:
    """The source, opened, and what to make of it.

    Attributes:
      path: the source as the user named it.
      stated: how it is read.
      source: the checkpoint.
      task: what graphs compute.
      sentence: how its outputs become the embedding of a text, if they do.
      target: the folder to create.
      options: what it contains.
      recording: what the source's network returns; None in a dry run.
      series: of the modules that the same process writes, if it writes several.
    """

    path: str | Path
    stated: SourceOptions
    source: Checkpoint
    task: str
    sentence: Sentence | None
    target: Path
    options: PublishOptions
    recording: Recording | None = None
    series: ModuleSeries | None = None
