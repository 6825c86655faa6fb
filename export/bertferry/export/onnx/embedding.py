"""Writes what makes the embedding of a text of the vectors of its tokens, in standard ai.onnx operations.

The same as `bertferry.export.text.pooling` of a module, and computed in float32 whatever the weights are.
"""

from bertferry.convert.sentence_modules import read_dense
from bertferry.core.sentence import Dense, Normalize, Sentence
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export.onnx.activations import ACTIVATION_STEPS
from bertferry.export.onnx.builder import GraphBuilder

MASK = ENCODER_INPUTS[1]
LEAST = 1e-9
"""Denominators are not less."""
SHORTEST = 1e-12
"""Nor is the length by which an embedding is scaled."""
BELOW_ALL = -1e9
"""What padding counts as in a maximum."""
ACTIVATIONS = {"identity": "Identity", "tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid"}
"""Activations that are an operation."""


def write_embedding(graph: GraphBuilder, sentence: Sentence, sequence: str, pooled: str) -> str:
    """Writes the pooling of `sequence` [B, S, H], or of `pooled` [B, H], and the layers that follow.

    Returns the tensor of the embeddings [B, W], float32.
    """
    sequence, pooled = (graph.cast(name, "float32") if name else "" for name in (sequence, pooled))
    vectors = [_Pooling(graph, sequence).write(name) if name != "pooled" else pooled for name in sentence.poolings]
    values = vectors[0] if len(vectors) == 1 else graph.add("Concat", vectors, axis=-1)
    for number, layer in enumerate(sentence.layers):
        values = _scale(graph, values) if isinstance(layer, Normalize) else _dense(graph, layer, values, number)
    return values


class _Pooling:
    """Writes one pooling of a sequence over the positions that the mask marks."""

    def __init__(self, graph: GraphBuilder, sequence: str) -> None:
        self.graph, self.sequence = graph, sequence
        self.mask = graph.cast(MASK, "int64")
        self.weights = graph.add("Unsqueeze", [graph.cast(MASK, "float32"), graph.constant([-1])])

    def write(self, pooling: str) -> str:
        add, constant = self.graph.add, self.graph.constant
        if pooling == "cls":
            return self._at(add("ArgMax", [self.mask], axis=1, keepdims=1))
        if pooling == "max":
            marked = self.graph.cast(self.weights, "bool")
            kept = add("Where", [marked, self.sequence, constant(BELOW_ALL, "float32")])
            return add("Squeeze", [self.graph.reduce_max(kept, 1), constant([1])])
        if pooling == "lasttoken":
            last = self.graph.reduce_max(add("Mul", [self.mask, self._positions()]), 1)
            any_token = self.graph.cast(self.graph.reduce_max(self.mask, 1), "float32")
            return add("Mul", [self._at(last), any_token])
        weights = self._ascending() if pooling == "weightedmean" else self.weights
        total = self._sum(add("Mul", [self.sequence, weights]))
        count = add("Max", [self._sum(weights), constant(LEAST, "float32")])
        return add("Div", [total, add("Sqrt", [count]) if pooling == "mean_sqrt_len" else count])

    def _sum(self, values: str) -> str:
        """The sum over positions."""
        return self.graph.add("ReduceSum", [values, self.graph.constant([1])], keepdims=0)

    def _at(self, places: str) -> str:
        """The vectors at places [B, 1]."""
        return self.graph.add("GatherND", [self.sequence, places], batch_dims=1)

    def _positions(self) -> str:
        """0, 1, … [S]."""
        add, constant = self.graph.add, self.graph.constant
        length = add("Squeeze", [add("Shape", [self.mask], start=1, end=2), constant([0])])
        return add("Range", [constant(0), length, constant(1)])

    def _ascending(self) -> str:
        """The weights of a weighted mean [B, S, 1]: n for the n-th position from the first that the mask marks."""
        add, constant = self.graph.add, self.graph.constant
        first = add("ArgMax", [self.mask], axis=1, keepdims=1)
        numbers = add("Add", [add("Sub", [self._positions(), first]), constant(1)])
        ascending = add("Unsqueeze", [self.graph.cast(numbers, "float32"), constant([-1])])
        return add("Mul", [self.weights, ascending])


def _dense(graph: GraphBuilder, layer: Dense, values: str, number: int) -> str:
    kernel, bias = read_dense(layer)
    names = [f"sentence/dense_{number}/{part}" for part in ("kernel", "bias")]
    values = graph.add("MatMul", [values, _float32(graph, graph.own_weight(names[0], kernel))])
    if bias is not None:
        values = graph.add("Add", [values, _float32(graph, graph.own_weight(names[1], bias))])
    if layer.activation == "gelu":
        return ACTIVATION_STEPS["gelu_erf"](graph, values)
    return graph.add(ACTIVATIONS[layer.activation], [values])


def _float32(graph: GraphBuilder, weight: str) -> str:
    return weight if graph.floats == "float32" else graph.cast(weight, "float32")


def _scale(graph: GraphBuilder, values: str) -> str:
    """The values [B, W] scaled to length 1."""
    add, constant = graph.add, graph.constant
    squares = add("ReduceSum", [add("Mul", [values, values]), constant([-1])], keepdims=1)
    return add("Div", [values, add("Max", [add("Sqrt", [squares]), constant(SHORTEST, "float32")])])
