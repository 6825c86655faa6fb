"""A signature of a SavedModel: its function, its graph, and what it computes."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bertferry.core.errors import UsageError
from bertferry.verify.artifact import Artifact
from bertferry.verify.probes import Probe
from bertferry.verify.saved_model_interface import check_saved_model

if TYPE_CHECKING:  # a wrong flag must be reported without loading TensorFlow
    from bertferry.export.onnx.lift import LiftedGraph
    from bertferry.export.onnx.signature_runner import SignatureRunner
    from bertferry.modeling.tf_compat import ConcreteFunction, LoadedModule


class LoadedSignature:
    """A signature of any TF2 SavedModel, which is loaded on use; what it lacks is then an error, too.

    `path` and `name` are where it is. With `in_float32`, its graph computes in float32 what it does in float16.
    """

    def __init__(self, path: Path, name: str, *, in_float32: bool = False) -> None:
        check_saved_model(path)
        self.path, self.name, self.in_float32 = path, name, in_float32

    @cached_property
    def _loaded(self) -> "LoadedModule":
        from bertferry.verify.runners.saved_model import load_saved_model

        return load_saved_model(self.path)

    @cached_property
    def function(self) -> "ConcreteFunction":
        """The signature in TensorFlow."""
        signatures = self._loaded.signatures
        if self.name not in signatures:
            raise UsageError(f"{self.path}: no signature {self.name!r}: it has {', '.join(signatures) or 'none'}")
        return signatures[self.name]

    @cached_property
    def graph(self) -> "LiftedGraph":
        """Its graph with weights as placeholders."""
        from bertferry.export.onnx.lift import lift

        return lift(self.function, in_float32=self.in_float32)

    def metadata(self) -> dict[str, str]:
        """The signature's name, and the hash of the SavedModel's graph."""
        content = (self.path / "saved_model.pb").read_bytes()
        return {"signature": self.name, "source_hash": f"sha256:{hashlib.sha256(content).hexdigest()}"}

    def runner(self, renamed: Mapping[str, str]) -> "SignatureRunner":
        """The signature with outputs under other names; `renamed` maps these to its own."""
        from bertferry.export.onnx.signature_runner import SignatureRunner

        return SignatureRunner(f"savedmodel {self.path}", self.function, renamed)

    def artifact(self, runner: "SignatureRunner") -> Artifact:
        """The signature as the reference of a comparison."""
        return Artifact(runner.name, lambda: runner, profile=self.graph.precision)

    def probes(self, runner: "SignatureRunner", inputs: str | None, *, half: bool) -> Sequence[Probe]:
        """Probes that the signature accepts, or the batch in a file; large values would leave float16's range."""
        from bertferry.export.onnx.probe_search import find_probes, read_probes

        described = self.graph.described
        if inputs is not None:
            return read_probes(Path(inputs), described)
        half = half or self.graph.precision != "fp32"
        return [probe for probe in find_probes(described, runner) if not half or probe.scale == 1]
