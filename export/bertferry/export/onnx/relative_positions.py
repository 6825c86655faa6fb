"""Writes the bias of attention by relative position, as `bertferry.core.relative_positions` describes it."""

from bertferry.core.relative_positions import BUCKET_OF_DISTANCE, BUCKETS, FARTHEST
from bertferry.export.onnx.builder import GraphBuilder


def relative_bias(graph: GraphBuilder, ids: str) -> str:
    """What to add to the scores for ids [B, S], float32 [N, S, S]."""
    add, constant = graph.add, graph.constant
    length = add("Squeeze", [add("Shape", [ids], start=1, end=2), constant([0])])
    places = add("Range", [constant(0), length, constant(1)])
    after = add("Sub", [places, add("Unsqueeze", [places, constant([1])])])  # of each key from each query
    distance = add("Min", [add("Abs", [after]), constant(FARTHEST)])
    bucket = add("Gather", [constant(BUCKET_OF_DISTANCE), distance])
    is_after = graph.cast(add("Greater", [after, constant(0)]), "int64")
    buckets = add("Add", [bucket, add("Mul", [is_after, constant(BUCKETS // 2)])])
    values = add("Gather", [graph.weight("embeddings/relative"), buckets])
    return graph.cast(add("Transpose", [values], perm=[2, 0, 1]), "float32")
