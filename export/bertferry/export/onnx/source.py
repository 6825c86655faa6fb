"""What an ONNX graph is made from."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bertferry.export.onnx.draft import Draft
from bertferry.export.onnx.options import OnnxOptions
from bertferry.verify.artifact import Artifact
from bertferry.verify.probes import Probe


class Source(Protocol):
    """A source that can be drafted as a graph, and run.

    With `any_values`, its outputs may be empty, NaN or infinite. With `stays_half`, values between operations have
    16 bits in half precision, not only products. `needs` are the modules that a run imports. `standard_names` are
    those of the inputs and outputs by their names in the graph; of a SavedModel, none are known. With
    `returns_less`, the graph leaves outputs of the source out. `compares_less` says that most of the graph is also
    in another file, which is compared on all probes.
    """

    task: str
    any_values: bool
    stays_half: bool
    needs: tuple[str, ...]
    standard_names: Mapping[str, str]
    returns_less: bool
    compares_less: bool

    def check(self, options: OnnxOptions) -> None:
        """Raises UsageError for options that the source does not support."""

    def interface(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the graph's inputs and of its outputs."""

    def draft(self, options: OnnxOptions) -> Draft:
        """The graph, with its weights as inputs."""

    def dimensions(self) -> Mapping[str, Sequence[str | int]]:
        """Dimensions of inputs and outputs by name, as symbols or sizes, if they are known."""

    def metadata(self) -> dict[str, str]:
        """Metadata about the origin of the file."""

    def notes(self) -> tuple[str, ...]:
        """What else users should know."""

    def artifact(self) -> Artifact:
        """The artifact with which the file is compared."""

    def texts(self, artifact: Artifact) -> Sequence[Probe]:
        """Texts of which its outputs, computed by `artifact`, are embeddings; none if they are something else."""

    def probes(self, options: OnnxOptions) -> Sequence[Probe]:
        """Inputs of the comparison, from `options.inputs` if there are any; none for the standard probes."""
