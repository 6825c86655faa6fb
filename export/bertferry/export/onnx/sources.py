"""What an ONNX graph is made from: a checkpoint's task, or a SavedModel's signature."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bertferry.convert import Checkpoint
from bertferry.convert.configuration import bert_config
from bertferry.convert.heads import with_heads, with_parameters
from bertferry.core.errors import UsageError
from bertferry.core.parameters import task_parameters
from bertferry.core.tasks import TASKS
from bertferry.export.onnx.options import OnnxOptions
from bertferry.export.onnx.weights import LiftedGraph, Weight
from bertferry.verify.artifact import Artifact, checkpoint_artifact
from bertferry.verify.runner import Runner

if TYPE_CHECKING:  # it imports TensorFlow, which a wrong flag must not wait for
    from bertferry.modeling.tf_compat import LoadedModule

PROBE_LENGTH = 16


class Source(Protocol):
    """Something that can be traced and run."""

    task: str

    def check(self, options: OnnxOptions) -> None:
        """Raises UsageError for options that it cannot be written with."""

    def interface(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the graph's inputs and of its outputs."""

    def lifted(self, options: OnnxOptions) -> LiftedGraph:
        """The graph, its weights as placeholders."""

    def fused(self, options: OnnxOptions) -> tuple[Any, list[Weight]]:
        """The graph in ONNX Runtime's own operations, its weights as inputs, and the weights."""

    def dimensions(self) -> Mapping[str, Sequence[str | int]]:
        """Symbols for the dimensions of inputs and outputs, where they have a meaning."""

    def metadata(self) -> dict[str, str]:
        """What the file says about its origin."""

    def artifact(self) -> Artifact:
        """What the file is compared with."""

    def probe_inputs(self) -> dict[str, np.ndarray] | None:
        """Inputs to compare on, or None for the standard probes."""


class CheckpointSource:
    """A task over a checkpoint's parameters."""

    def __init__(self, checkpoint: Checkpoint, task: str) -> None:
        checkpoint.check_bert()
        self.task = task
        self._names = task_parameters(task, checkpoint.config.num_layers)
        checkpoint = with_heads(checkpoint, TASKS[task].heads)
        self._checkpoint = with_parameters(checkpoint, self._names, f"task {task}")

    def check(self, options: OnnxOptions) -> None:
        """Everything that its own check lets through can be written."""

    def interface(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Those of the task."""
        return TASKS[self.task].input_names, TASKS[self.task].output_names

    def lifted(self, options: OnnxOptions) -> LiftedGraph:
        """The task traced with placeholders; weights in the type that products are computed in."""
        from bertferry.export.onnx.trace import trace

        dtype = "float16" if options.precision == "fp16" else "float32"
        return trace(self._checkpoint, self.task, self._names, dtype, options.integers, options.floats)

    def fused(self, options: OnnxOptions) -> tuple[Any, list[Weight]]:
        """The task written in fused operations."""
        from bertferry.export.onnx.fused import FusedGraph

        graph = FusedGraph(self._checkpoint, options.integers)
        return graph.model(self.task, options.opset), list(graph.weights.values())

    def dimensions(self) -> dict[str, Sequence[str | int]]:
        """Batch and sequence wherever they occur."""
        spec = TASKS[self.task]
        return {tensor.name: tensor.shape(self._checkpoint.sizes) for tensor in (*spec.inputs, *spec.outputs)}

    def metadata(self) -> dict[str, str]:
        """Configuration, activation, and a hash over the fingerprints of the source's tensors."""
        digest = hashlib.sha256()
        for name in self._names:
            digest.update(
                f"{name} {self._checkpoint.reader.fingerprint(self._checkpoint.stored_name(name))}\n".encode()
            )
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

    def artifact(self) -> Artifact:
        """The checkpoint's Keras network."""
        return checkpoint_artifact(self._checkpoint, self.task)

    def probe_inputs(self) -> None:
        """The standard probes."""


class SavedModelSource:
    """One signature of any TF2 SavedModel."""

    task = "encoder"

    def __init__(self, path: Path, signature: str) -> None:
        if not (path / "saved_model.pb").is_file():
            raise UsageError(f"{path}: not a SavedModel: no saved_model.pb in it")
        self._path = path
        self._signature = signature

    @cached_property
    def _loaded(self) -> "LoadedModule":
        from bertferry.verify.runners.saved_model import load_saved_model

        return load_saved_model(self._path)

    @cached_property
    def _graph(self) -> LiftedGraph:
        from bertferry.export.onnx.lift import lift

        signatures = self._loaded.signatures
        if self._signature not in signatures:
            raise UsageError(
                f"{self._path}: no signature {self._signature!r}: there are {', '.join(signatures) or 'none'}"
            )
        return lift(signatures[self._signature])

    def check(self, options: OnnxOptions) -> None:
        """Nobody knows which of its operations are a BERT's."""
        if options.optimize == "ort":
            raise UsageError(
                "--optimize ort needs --checkpoint: a SavedModel's graph does not say where a BERT is"
            )
        if options.floats == "float16":
            raise UsageError("--no-keep-io needs --checkpoint: a SavedModel's outputs keep their types")

    def interface(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Those of the signature."""
        return tuple(self._graph.inputs), tuple(self._graph.outputs)

    def lifted(self, options: OnnxOptions) -> LiftedGraph:
        """The signature's graph, inlined, its variables taken out."""
        return self._graph

    def fused(self, options: OnnxOptions) -> tuple[Any, list[Weight]]:
        """Not there: see `check`."""
        raise NotImplementedError

    def dimensions(self) -> dict[str, Sequence[str | int]]:
        """None but those of the signature itself."""
        return {}

    def metadata(self) -> dict[str, str]:
        """The signature's name, and the hash of the SavedModel's graph."""
        content = (self._path / "saved_model.pb").read_bytes()
        return {"signature": self._signature, "source_hash": f"sha256:{hashlib.sha256(content).hexdigest()}"}

    def artifact(self) -> Artifact:
        """The signature in TensorFlow."""
        from bertferry.verify.runners.saved_model import SignatureRunner

        def opened() -> Runner:
            return SignatureRunner(self._path, signature=self._signature, loaded=self._loaded)

        return Artifact(f"savedmodel {self._path}", opened)

    def probe_inputs(self) -> dict[str, np.ndarray]:
        """A seeded batch of three for any signature: integers below the rows of the tables that they look up."""
        from bertferry.export.onnx.lift import input_specs

        rng = np.random.default_rng(0)
        inputs = {}
        for name, (shape, dtype, rows) in input_specs(self._graph).items():
            size = [3 if axis == 0 and one is None else one or PROBE_LENGTH for axis, one in enumerate(shape)]
            if np.issubdtype(dtype, np.floating):
                inputs[name] = rng.normal(size=size).astype(dtype)
            else:
                inputs[name] = rng.integers(0, rows or 2, size).astype(dtype)
        return inputs
