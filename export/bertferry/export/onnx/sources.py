"""Sources of ONNX graphs: what every source offers, and a checkpoint's task."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bertferry.convert import Checkpoint
from bertferry.convert.configuration import bert_config
from bertferry.convert.heads import with_heads, with_parameters
from bertferry.core.parameters import task_parameters
from bertferry.core.tasks import TASKS
from bertferry.export.onnx.options import OnnxOptions
from bertferry.export.onnx.weights import Weight
from bertferry.verify.artifact import Artifact, checkpoint_artifact
from bertferry.verify.golden import read_inputs
from bertferry.verify.probes import Probe

if TYPE_CHECKING:  # a wrong flag must be reported without loading TensorFlow
    from bertferry.export.onnx.lift import LiftedGraph


class Source(Protocol):
    """A source that can be traced and run; with `any_values`, its outputs may be empty, NaN or infinite."""

    task: str
    any_values: bool

    def check(self, options: OnnxOptions) -> None:
        """Raises UsageError for options that the source does not support."""

    def interface(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the graph's inputs and of its outputs."""

    def lifted(self, options: OnnxOptions) -> "LiftedGraph":
        """The graph with its weights as placeholders."""

    def fused(self, options: OnnxOptions) -> tuple[Any, list[Weight]]:
        """The graph in ONNX Runtime's fused operations, with its weights as inputs, and the weights."""

    def dimensions(self) -> Mapping[str, Sequence[str | int]]:
        """Dimensions of inputs and outputs by name, as symbols or sizes, if they are known."""

    def metadata(self) -> dict[str, str]:
        """Metadata about the origin of the file."""

    def notes(self) -> tuple[str, ...]:
        """What else users should know."""

    def artifact(self) -> Artifact:
        """The artifact with which the file is compared."""

    def probes(self, options: OnnxOptions) -> Sequence[Probe]:
        """Inputs of the comparison, from `options.inputs` if there are any; none for the standard probes."""


class CheckpointSource:
    """A task over a checkpoint's parameters."""

    any_values = False

    def __init__(self, checkpoint: Checkpoint, task: str) -> None:
        checkpoint.check_bert()
        self.task = task
        self._names = task_parameters(task, checkpoint.config.num_layers)
        checkpoint = with_heads(checkpoint, TASKS[task].heads)
        self._checkpoint = with_parameters(checkpoint, self._names, f"task {task}")

    def check(self, options: OnnxOptions) -> None:
        """A checkpoint supports all options."""

    def interface(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The inputs and outputs of the task."""
        return TASKS[self.task].input_names, TASKS[self.task].output_names

    def lifted(self, options: OnnxOptions) -> "LiftedGraph":
        """The task traced with placeholders; weights have the type of the matrix products."""
        from bertferry.export.onnx.trace import trace

        dtype = "float16" if options.precision == "fp16" else "float32"
        return trace(self._checkpoint, self.task, self._names, dtype, options.integers, options.floats)

    def fused(self, options: OnnxOptions) -> tuple[Any, list[Weight]]:
        """The task written in fused operations."""
        from bertferry.export.onnx.fused import FusedGraph

        graph = FusedGraph(self._checkpoint, options.integers)
        return graph.model(self.task, options.opset), list(graph.weights.values())

    def dimensions(self) -> dict[str, Sequence[str | int]]:
        """The dimensions that the task declares."""
        spec = TASKS[self.task]
        return {tensor.name: tensor.shape(self._checkpoint.sizes) for tensor in (*spec.inputs, *spec.outputs)}

    def metadata(self) -> dict[str, str]:
        """Configuration, activation, and a hash over the fingerprints of the source's tensors."""
        digest = hashlib.sha256()
        source = self._checkpoint
        for name in self._names:
            initialized = name in source.initialized
            content = "initialized" if initialized else source.reader.fingerprint(source.stored_name(name))
            digest.update(f"{name} {content}\n".encode())
        return {
            "task": self.task,
            "source_layout": self._checkpoint.layout.name,
            "source_hash": f"sha256:{digest.hexdigest()}",
            "configuration": json.dumps(self._configuration(), sort_keys=True),
            "activation": self._checkpoint.config.activation,
        }

    def _configuration(self) -> dict[str, Any]:
        source = self._checkpoint
        return bert_config(source.config, TASKS[self.task].heads, source.classifier)

    def notes(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def artifact(self) -> Artifact:
        """The checkpoint's Keras network."""
        return checkpoint_artifact(self._checkpoint, self.task)

    def probes(self, options: OnnxOptions) -> Sequence[Probe]:
        """The standard probes, or those given."""
        return () if options.inputs is None else read_inputs(Path(options.inputs))
