"""The source of an ONNX graph that is a signature of any SavedModel."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bertferry.core.errors import UsageError
from bertferry.export.onnx.options import OnnxOptions
from bertferry.export.onnx.weights import LiftedGraph, Weight
from bertferry.verify.artifact import Artifact
from bertferry.verify.runner import Runner

if TYPE_CHECKING:  # a wrong flag must be reported without loading TensorFlow
    from bertferry.modeling.tf_compat import LoadedModule

PROBE_LENGTH = 16


class SavedModelSource:
    """One signature of any TF2 SavedModel."""

    task = "encoder"

    def __init__(self, path: Path, signature: str) -> None:
        if not (path / "saved_model.pb").is_file():
            raise UsageError(f"{path}: not a SavedModel: it contains no saved_model.pb")
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
                f"{self._path}: no signature {self._signature!r}: it has {', '.join(signatures) or 'none'}"
            )
        return lift(signatures[self._signature])

    def check(self, options: OnnxOptions) -> None:
        """Refuses options that require knowledge of the network."""
        if options.optimize == "ort":
            raise UsageError(
                "--optimize ort requires --checkpoint: a SavedModel's graph does not show where its BERT is"
            )
        if options.floats == "float16":
            raise UsageError("--no-keep-io requires --checkpoint: a SavedModel's outputs keep their types")

    def interface(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The inputs and outputs of the signature."""
        return tuple(self._graph.inputs), tuple(self._graph.outputs)

    def lifted(self, options: OnnxOptions) -> LiftedGraph:
        """The signature's graph, inlined, with its variables as placeholders."""
        return self._graph

    def fused(self, options: OnnxOptions) -> tuple[Any, list[Weight]]:
        """Not supported: see `check`."""
        raise NotImplementedError

    def dimensions(self) -> dict[str, Sequence[str | int]]:
        """Only the signature itself determines them."""
        return {}

    def metadata(self) -> dict[str, str]:
        """The signature's name, and the hash of the SavedModel's graph."""
        content = (self._path / "saved_model.pb").read_bytes()
        return {"signature": self._signature, "source_hash": f"sha256:{hashlib.sha256(content).hexdigest()}"}

    def artifact(self) -> Artifact:
        """The signature in TensorFlow."""
        from bertferry.verify.runners.saved_model import SignatureRunner

        def open_signature() -> Runner:
            return SignatureRunner(self._path, signature=self._signature, loaded=self._loaded)

        return Artifact(f"savedmodel {self._path}", open_signature)

    def probe_inputs(self) -> dict[str, np.ndarray]:
        """A seeded batch of three for any signature; integers are valid row numbers of the tables they index."""
        from bertferry.export.onnx.signature_probes import input_specs

        rng = np.random.default_rng(0)
        inputs = {}
        for name, (shape, dtype, rows) in input_specs(self._graph).items():
            sizes = [3 if axis == 0 and size is None else size or PROBE_LENGTH for axis, size in enumerate(shape)]
            if np.issubdtype(dtype, np.floating):
                inputs[name] = rng.normal(size=sizes).astype(dtype)
            else:
                inputs[name] = rng.integers(0, rows or 2, sizes).astype(dtype)
        return inputs
