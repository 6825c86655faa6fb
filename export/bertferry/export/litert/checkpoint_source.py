"""The source of a LiteRT file that is a checkpoint's task."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bertferry.convert import Checkpoint
from bertferry.convert.configuration import bert_config
from bertferry.core.tasks import LITERT_TASKS
from bertferry.export.litert.options import LitertOptions
from bertferry.export.onnx.checkpoint_source import CheckpointSource as GraphSource
from bertferry.verify.artifact import Artifact
from bertferry.verify.golden import read_inputs
from bertferry.verify.probes import Probe
from bertferry.verify.recording import Recording

if TYPE_CHECKING:  # a wrong flag must be reported without loading TensorFlow
    import tensorflow as tf

SIGNATURE = "serving_default"


class CheckpointSource:
    """A task over a checkpoint's parameters, computed as in a Hub module, under the names of an ONNX file."""

    any_values = False
    signature = SIGNATURE

    def __init__(
        self, checkpoint: Checkpoint, task: str, naming: str = "tensorflow", recording: Recording | None = None
    ) -> None:
        """`recording` is what the checkpoint's network returns, if that ran before."""
        self._graph = GraphSource(checkpoint, task, naming, recording)
        self.task = task
        self.standard_names = self._graph.standard_names
        self.returns_less = self._graph.returns_less

    def interface(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The inputs and outputs of the task."""
        return self._graph.interface()

    def convert(self, folder: Path, options: LitertOptions) -> bytes:
        """The converted task."""
        import tensorflow as tf

        from bertferry.export.litert.checkpoint_function import build_function
        from bertferry.export.litert.conversion import convert_signature
        from bertferry.export.litert.saved_function import save_function

        function, variables = build_function(self._graph.checkpoint, self._graph.spec, options.precision)
        takes, returns = self.interface()
        dtype = tf.int64 if options.int64_inputs else tf.int32

        def compute(inputs: "Mapping[str, tf.Tensor]") -> "Mapping[str, tf.Tensor]":
            outputs = function({self.standard_names[own]: tf.cast(inputs[own], tf.int32) for own in takes})
            return {own: outputs[self.standard_names[own]] for own in returns}

        specs = [tf.TensorSpec([None, None], dtype, own) for own in takes]
        save_function(folder / "task", SIGNATURE, specs, compute, variables)
        return convert_signature(folder / "task", SIGNATURE, options.precision, self.artifact().name)

    def file_notes(self) -> dict[str, Any]:
        """Task, activation, a hash over the source's tensors, and the configuration."""
        source = self._graph.checkpoint
        configuration = bert_config(source.config, LITERT_TASKS[self.task].heads, source.classifier)
        return {**self._graph.metadata(), "configuration": configuration}

    def notes(self) -> tuple[str, ...]:
        """What was chosen among its files without being named."""
        return self._graph.notes()

    def artifact(self) -> Artifact:
        """The checkpoint's network, or what it returned."""
        return self._graph.artifact()

    def probes(self, inputs: str | None, precision: str) -> Sequence[Probe]:
        """The standard probes, or those given."""
        return () if inputs is None else read_inputs(Path(inputs))
