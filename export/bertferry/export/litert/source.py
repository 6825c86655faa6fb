"""What a LiteRT file is made from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from bertferry.export.litert.options import LitertOptions
from bertferry.verify.artifact import Artifact
from bertferry.verify.probes import Probe


class Source(Protocol):
    """A source that can be converted, and run.

    With `any_values`, its outputs may be empty, NaN or infinite. `standard_names` are those of the inputs and
    outputs by their names in the file; of a SavedModel, none are known. With `returns_less`, the file leaves
    outputs of the source out. `signature` is the name of the file's.
    """

    task: str
    any_values: bool
    standard_names: Mapping[str, str]
    returns_less: bool
    signature: str

    def interface(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the file's inputs and of its outputs."""

    def convert(self, folder: Path, options: LitertOptions) -> bytes:
        """The graph with its weights in the requested precision; `folder` is for temporary files.

        Raises:
          DataError: LiteRT cannot express an operation, or a weight does not fit.
        """

    def file_notes(self) -> dict[str, Any]:
        """What the file says about its origin."""

    def notes(self) -> tuple[str, ...]:
        """What else users should know."""

    def artifact(self) -> Artifact:
        """The artifact with which the file is compared."""

    def probes(self, inputs: str | None, precision: str) -> Sequence[Probe]:
        """Inputs of the comparison, from a file if one is given; none for the standard probes."""
