"""The source of a LiteRT file that is a signature of any SavedModel."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bertferry.core.casting import cast
from bertferry.core.errors import UsageError
from bertferry.core.graph_names import in_order
from bertferry.core.manifest import read_manifest
from bertferry.export.litert.options import LitertOptions
from bertferry.export.onnx.loaded_signature import LoadedSignature
from bertferry.verify.artifact import Artifact
from bertferry.verify.probes import Probe
from bertferry.verify.string_modules import string_module

if TYPE_CHECKING:  # a wrong flag must be reported without loading TensorFlow
    import tensorflow as tf

    from bertferry.export.onnx.lift import LiftedGraph
    from bertferry.export.onnx.signature_runner import SignatureRunner

REMEDY = "keep --precision fp32"


class SavedModelSource:
    """One signature of any TF2 SavedModel, under its own names."""

    task = "encoder"
    any_values = True
    returns_less = False
    standard_names: Mapping[str, str] = MappingProxyType({})

    def __init__(self, path: Path, signature: str) -> None:
        self.signature = signature
        self._path = path
        self._signature = LoadedSignature(path, signature, in_float32=True)
        self._manifest = read_manifest(path)
        if self._manifest is not None and string_module(path, self._manifest):
            raise UsageError(
                f"{path}: a module of strings, for which LiteRT has no operations",
                "export the checkpoint that it was made from, for embeddings with --task embeddings",
            )

    def interface(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The inputs and outputs of the signature."""
        graph = self._signature.graph
        return tuple(graph.inputs), tuple(in_order(graph.renamed.get(name, name) for name in graph.outputs))

    def convert(self, folder: Path, options: LitertOptions) -> bytes:
        """The converted signature; what it computes in half precision, which LiteRT cannot, in float32.

        Bodies of loops get weights as arguments: LiteRT does not find variables there.
        """
        from bertferry.export.litert.conversion import convert_signature
        from bertferry.export.litert.saved_function import save_graph
        from bertferry.export.onnx.functions import LOOPS

        graph = self._signature.graph
        if options.precision == "fp16":
            _check_range(graph)
        place = self._path
        if graph.widened or any(node.op in LOOPS for node in _nodes(graph)):
            place = folder / "graph"
            save_graph(place, self.signature, graph)
        return convert_signature(place, self.signature, options.precision, str(self._path))

    def file_notes(self) -> dict[str, Any]:
        """The signature's name, the hash of the SavedModel's graph, and the configuration of our modules."""
        configuration = {} if self._manifest is None else self._manifest.configuration
        return {**self._signature.metadata(), "configuration": configuration}

    def notes(self) -> tuple[str, ...]:
        """Whether the file computes in another type."""
        graph = self._signature.graph
        if not graph.widened:
            return ()
        return (f"the SavedModel computes in {graph.precision}: the file computes in float32",)

    def artifact(self) -> Artifact:
        """The signature in TensorFlow."""
        return self._signature.artifact(self._runner)

    def probes(self, inputs: str | None, precision: str) -> Sequence[Probe]:
        """Probes that the signature accepts, or the given batch."""
        return self._signature.probes(self._runner, inputs, half=precision == "fp16")

    @cached_property
    def _runner(self) -> "SignatureRunner":
        return self._signature.runner({})


def _check_range(graph: "LiftedGraph") -> None:
    """Refuses weights, and constants that are tables, beyond float16, where the converter stores others.

    Single numbers become the largest that there is, which most masks survive; the comparison judges them.

    Raises:
      DataError: naming the weight.
    """
    import tensorflow as tf

    for weight in graph.weights.values():
        if weight.dtype == "float32":
            cast(weight.load(), "float16", weight.name, REMEDY)
    for node in (node for node in _nodes(graph) if node.op == "Const"):
        values = tf.make_ndarray(node.attr["value"].tensor)
        if values.dtype == "float32" and values.size > 1:
            cast(values, "float16", f"the constant {node.name}", REMEDY)


def _nodes(graph: "LiftedGraph") -> "Iterator[tf.compat.v1.NodeDef]":
    yield from graph.graph.node
    for function in graph.graph.library.function:
        yield from function.node_def
