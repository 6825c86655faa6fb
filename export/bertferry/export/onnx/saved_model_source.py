"""The source of an ONNX graph that is a signature of any SavedModel."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from bertferry.core.errors import DataError, UsageError
from bertferry.core.extras import ONNX
from bertferry.export.onnx.draft import Draft
from bertferry.export.onnx.loaded_signature import LoadedSignature
from bertferry.export.onnx.options import SAVED_MODEL_OPSET, OnnxOptions
from bertferry.verify.artifact import Artifact
from bertferry.verify.probes import Probe

if TYPE_CHECKING:  # a wrong flag must be reported without loading TensorFlow
    from bertferry.export.onnx.lift import LiftedGraph
    from bertferry.export.onnx.signature_runner import SignatureRunner

MOST_BOUND = 2**28
"""Most bytes of weights with which tf2onnx translates a graph: it copies them many times."""


class SavedModelSource:
    """One signature of any TF2 SavedModel."""

    task = "encoder"
    any_values = True
    stays_half = False
    compares_less = False
    returns_less = False
    standard_names: Mapping[str, str] = MappingProxyType({})
    needs: tuple[str, ...] = (*ONNX, "tensorflow", "tf2onnx")

    def __init__(self, path: Path, signature: str) -> None:
        self._signature = LoadedSignature(path, signature)
        self._opset = SAVED_MODEL_OPSET

    @property
    def _graph(self) -> "LiftedGraph":
        return self._signature.graph

    @cached_property
    def _runner(self) -> "SignatureRunner":
        return self._signature.runner(self._graph.renamed)

    def check(self, options: OnnxOptions) -> None:
        """Refuses options that require knowledge of the network."""
        if options.optimize == "ort":
            raise UsageError(
                "--optimize ort requires --checkpoint: a SavedModel's graph does not show where its BERT is"
            )
        if options.precision == "bf16":
            raise UsageError("--precision bf16 requires --checkpoint")
        if (options.opset or SAVED_MODEL_OPSET) > SAVED_MODEL_OPSET:
            raise UsageError(
                f"--opset {options.opset} requires --checkpoint: a SavedModel becomes at most {SAVED_MODEL_OPSET}"
            )
        if options.floats == "float16":
            raise UsageError("--no-keep-io requires --checkpoint: a SavedModel's outputs keep their types")
        self._opset = options.opset or SAVED_MODEL_OPSET
        self._signature.in_float32 = options.precision == "int8"  # which starts from float32

    def interface(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The inputs and outputs of the signature; a dry run finds what cannot be translated, too."""
        draft = self._translate()
        return tuple(self._graph.inputs), tuple(draft.outputs)

    def draft(self, options: OnnxOptions) -> Draft:
        """The signature's graph, translated by tf2onnx."""
        from bertferry.export.onnx.half_precision import convert_to_half

        draft = self._translate()
        return convert_to_half(draft) if options.precision == "fp16" else draft

    def _translate(self) -> Draft:
        """The translation with lifted weights or, if an operation needs theirs as constants, with bound ones.

        If tf2onnx does not find out how a loop fills a list, the list is a tensor.
        """
        from bertferry.export.onnx.lift import lift
        from bertferry.export.onnx.translate import translate
        from bertferry.export.onnx.writer import size_of

        try:
            return translate(self._graph, self._opset)
        except DataError as error:
            few = sum(map(size_of, self._graph.weights.values())) <= MOST_BOUND
            function, in_float32 = self._signature.function, self._signature.in_float32
            for others in ({"dense_lists": True}, *([{"bind_weights": True}] if few else [])):
                with suppress(DataError):
                    return translate(lift(function, in_float32=in_float32, **others), self._opset)
            raise error from None  # which is about the graph that was to be written

    def dimensions(self) -> dict[str, Sequence[str | int]]:
        """Only the signature itself determines them."""
        return {}

    def metadata(self) -> dict[str, str]:
        """The signature's name, and the hash of the SavedModel's graph."""
        return self._signature.metadata()

    def notes(self) -> tuple[str, ...]:
        """Outputs that have another name than in the SavedModel, and whether the file computes in another type."""
        graph = self._graph
        renamed = (
            f"the output {old} is {new} in the file: {old} is an input, too" for new, old in graph.renamed.items()
        )
        wider = f"the SavedModel computes in {graph.precision}: the file is made from its graph in float32"
        return (*renamed, wider) if graph.widened and graph.precision != "fp32" else tuple(renamed)

    def artifact(self) -> Artifact:
        """The signature in TensorFlow."""
        return self._signature.artifact(self._runner)

    def texts(self, artifact: Artifact) -> Sequence[Probe]:
        """None: nothing is known of its outputs."""
        return ()

    def probes(self, options: OnnxOptions) -> Sequence[Probe]:
        """Probes that the signature accepts, or the given batch."""
        return self._signature.probes(self._runner, options.inputs, half=options.precision == "fp16")
