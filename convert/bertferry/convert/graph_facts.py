"""What the graph of a TF1-format Hub module tells about its encoder, which none of its tensors shows.

The graph is that of google-research/bert, whose names lead to its constants:
https://github.com/google-research/bert/blob/master/modeling.py.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from bertferry.convert.bundle import SavedModelMessage
from bertferry.core.errors import DataError, UsageError

HEADS = re.compile(r"(?:.*/)?encoder/layer_\d+/attention/self/Reshape(?:_[12])?/shape/2")
HEAD_SIZE = re.compile(r"(?:.*/)?encoder/layer_\d+/attention/self/Reshape(?:_[12])?/shape/3")
SCALE = re.compile(r"(?:.*/)?encoder/layer_\d+/attention/self/Mul/y")
EPSILON = re.compile(r"(?:.*/)?(?:embeddings|encoder/layer_\d+/.*)/LayerNorm/batchnorm/add/y")
ACTIVATION = re.compile(r"(?:.*/)?encoder/layer_\d+/intermediate/dense/(?!kernel|bias)[^/]*")
CASING = "do_lower_case"
DTYPES = {1: ("float_val", "<f4"), 2: ("double_val", "<f8"), 3: ("int_val", "<i4"), 9: ("int64_val", "<i8")}
BOOL = 10
"""https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/types.proto"""


@dataclass(frozen=True)
class GraphFacts:
    """The number of heads, the activation, the ε of the layer normalizations and the casing of texts.

    What a graph does not have is None.
    """

    num_attention_heads: int | None = None
    activation: str | None = None
    layer_norm_eps: float | None = None
    do_lower_case: bool | None = None


def read_graph_facts(path: Path) -> GraphFacts:
    """The facts in a `saved_model.pb`; a graph without BERT's names has none.

    Raises:
      UsageError: a graph that computes something else than BERT.
      DataError: not a readable SavedModel, or one that contradicts itself.
    """
    try:
        model = SavedModelMessage.FromString(path.read_bytes())
        graphs = sorted(
            model.meta_graphs, key=lambda graph: len(graph.info.tags)
        )  # that for inference has no tags
        nodes = {node.name: node for node in (graphs[0].graph.node if graphs else ())}
        heads = _constant(path, nodes, HEADS)
        head_size, scale = _constant(path, nodes, HEAD_SIZE), _constant(path, nodes, SCALE)
        epsilon, casing = _constant(path, nodes, EPSILON), _constant(path, nodes, re.compile(CASING))
    except (OSError, ValueError, DecodeError) as error:
        raise DataError(f"{path}: not a readable SavedModel: {error}") from error
    if heads is None:
        return GraphFacts(do_lower_case=None if casing is None else bool(casing))
    if head_size is None or scale is None or not isclose(scale * scale * head_size, 1, rel_tol=1e-5):
        raise UsageError(f"{path}: its attention is not scaled as BERT's is: only 1/√(head size) is supported")
    if epsilon is None:
        raise UsageError(f"{path}: its layer normalizations are none of BERT's")
    written = float(str(np.float32(epsilon)))  # 1e-12 as it was written, not the nearest number of 32 bits
    return GraphFacts(int(heads), _activation(path, nodes), written, None if casing is None else bool(casing))


def _constant(path: Path, nodes: Mapping[str, Any], name: re.Pattern[str]) -> float | None:
    """The value of all constants of a name, or None if there is none.

    Raises:
      DataError: they differ.
    """
    values = {_value(node) for node in nodes.values() if node.op == "Const" and name.fullmatch(node.name)}
    if len(values) > 1:
        raise DataError(f"{path}: its layers differ in {name.pattern.rpartition('/')[2]}: {sorted(values)}")
    return next(iter(values), None)


def _value(node: Any) -> float:  # noqa: ANN401 - protobuf creates the class at run time
    """The first element of a constant."""
    tensor = next(entry.value.tensor for entry in node.attr if entry.key == "value")
    if tensor.dtype == BOOL:
        return float(tensor.bool_val[0] if tensor.bool_val else tensor.content[:1] == b"\x01")
    if tensor.dtype not in DTYPES:
        raise ValueError(f"its constant {node.name} has the type {tensor.dtype}")
    field, dtype = DTYPES[tensor.dtype]
    stored = getattr(tensor, field)
    return float(stored[0] if stored else np.frombuffer(tensor.content, dtype, 1)[0])


def _activation(path: Path, nodes: Mapping[str, Any]) -> str:
    """The activation after the intermediate layers, by the operations there: the exact gelu has an Erf."""
    found: dict[str, set[str]] = {}
    for node in nodes.values():
        if ACTIVATION.fullmatch(node.name):
            found.setdefault(node.name.rpartition("/")[0], set()).add(node.op)
    kinds = {_kind(operations) for operations in found.values()}
    if len(kinds) != 1 or "" in kinds:
        raise UsageError(f"{path}: its activation is none of BERT's")
    return kinds.pop()


def _kind(operations: Iterable[str]) -> str:
    if "Erf" in operations:
        return "gelu_erf"
    if "Tanh" in operations:
        return "gelu_tanh" if "Pow" in operations else "tanh"
    return "relu" if "Relu" in operations else ""
