"""Named points inside an encoder where the intermediate values of two artifacts can be compared."""

import re

POINTS_OF_A_LAYER = ("attention", "attention_norm", "output")
"""After the attention output projection, after the LayerNorm that follows it, and after the block's LayerNorm."""

CALL = re.compile(r"(Stateful)?PartitionedCall(_\d+)?")
"""What TensorFlow puts into the names of nodes where a function is called."""


def point_names(num_layers: int) -> tuple[str, ...]:
    """All points in order of computation."""
    layers = (f"layer_{layer}/{point}" for layer in range(num_layers) for point in POINTS_OF_A_LAYER)
    return ("embeddings", *layers, "pooler")


def point_of(name: str) -> str | None:
    """The point that a tensor's name ends with, if any.

    It is `layer_0/output` for `PartitionedCall/layer_0/output` and for `layer_0/PartitionedCall/output`.
    """
    parts = [part for part in name.split("/") if not CALL.fullmatch(part)]
    if not parts:
        return None
    if parts[-1] in ("embeddings", "pooler"):
        return parts[-1]
    layer = parts[-2] if len(parts) > 1 else ""
    if parts[-1] in POINTS_OF_A_LAYER and layer.startswith("layer_") and layer[len("layer_") :].isdecimal():
        return f"{layer}/{parts[-1]}"
    return None


def sort_points(names: set[str]) -> list[str]:
    """Points sorted in order of computation."""
    layers = [int(name.split("/")[0][len("layer_") :]) for name in names if "/" in name]
    return [name for name in point_names(max(layers, default=-1) + 1) if name in names]
