"""Builds the graph of a source and writes it in the requested precision."""

from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import numpy_helper

from bertferry.core.onnx_files.quantize import quantize
from bertferry.export.onnx.finalize import finalize
from bertferry.export.onnx.options import OnnxOptions
from bertferry.export.onnx.source import Source
from bertferry.export.onnx.subgraphs import names_used
from bertferry.export.onnx.weights import Weight
from bertferry.export.onnx.writer import PROTOBUF_LIMIT, size_of, write_model

LARGE = 64
"""Minimum size in bytes of an initializer that is written as a weight."""


@dataclass(frozen=True)
class Built:
    """A model without its weights, and the weights in the order of writing."""

    model: onnx.ModelProto
    weights: tuple[Weight, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the model's inputs."""
        return tuple(value.name for value in self.model.graph.input)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the model's outputs."""
        return tuple(value.name for value in self.model.graph.output)

    @property
    def weight_bytes(self) -> int:
        """Size of all weights in bytes, before quantization."""
        return sum(map(size_of, self.weights))


def build(source: Source, options: OnnxOptions) -> Built:
    """Builds and checks the graph of a source, without its weights."""
    draft = source.draft(options)
    metadata = {**source.metadata(), "precision": options.precision, "optimize": options.optimize}
    model = finalize(draft, source.dimensions(), metadata)
    used = names_used(model.graph)
    return Built(model, tuple(weight for weight in draft.weights if weight.name in used))


def write(path: Path, built: Built, options: OnnxOptions) -> int:
    """Writes the model with its weights in the requested precision; returns the size of the weights in bytes."""
    model, weights = (built.model, built.weights) if options.precision != "int8" else _quantized(built)
    weight_bytes = sum(map(size_of, weights))
    write_model(path, model, weights, external=options.external_data or weight_bytes > PROTOBUF_LIMIT)
    return weight_bytes


def _quantized(built: Built) -> tuple[onnx.ModelProto, list[Weight]]:
    """The model in eight bits, without its larger weights, and these."""
    model = onnx.ModelProto()
    model.CopyFrom(built.model)
    model.graph.initializer.extend(numpy_helper.from_array(weight.load(), weight.name) for weight in built.weights)
    model = quantize(model)
    return model, _extract_weights(model)


def _extract_weights(model: onnx.ModelProto) -> list[Weight]:
    """Removes the larger initializers from a model and returns them."""
    large = [tensor for tensor in model.graph.initializer if len(tensor.raw_data) >= LARGE]
    small = [tensor for tensor in model.graph.initializer if len(tensor.raw_data) < LARGE]
    weights = [
        Weight(tensor.name, values.shape, values.dtype.name, lambda values=values: values)  # type: ignore[misc]  # mypy infers no default's type
        for tensor in large
        for values in [numpy_helper.to_array(tensor)]
    ]
    del model.graph.initializer[:]
    model.graph.initializer.extend(small)
    return weights
