"""A graph that is not checked yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bertferry.export.onnx.weights import Weight

if TYPE_CHECKING:  # a wrong flag must be reported without loading ONNX
    import onnx


@dataclass(frozen=True)
class Draft:
    """A model whose weights are inputs, the weights, and its outputs in order."""

    model: "onnx.ModelProto"
    weights: Sequence[Weight]
    outputs: Sequence[str]
