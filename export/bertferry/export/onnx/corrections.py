"""Replaces operations that tf2onnx translates wrongly, or not at all, by others that it translates rightly."""

import tensorflow as tf

from bertferry.export.onnx.functions import Body, NodeDef, Program, dtype_of, node_of
from bertferry.export.onnx.rewrites import REWRITES, Rewrite


def correct(program: Program) -> None:
    """Rewrites operations in every body, in place."""
    for body in program.all():
        _correct(body)


def _correct(body: Body) -> None:
    nodes = {node.name: node for node in body.nodes}
    aliases: dict[str, str] = {}
    result: list[NodeDef] = []
    for node in body.nodes:
        rewrite = REWRITES.get(node.op)
        types = [dtype_of(nodes, tensor) for tensor in node.input] if rewrite is not None else []
        replaced = None if rewrite is None else rewritten(node, rewrite, nodes, aliases, types)
        result += [node] if replaced is None else replaced
    for node in result:
        node.input[:] = [aliases.get(tensor, tensor) for tensor in node.input]
    body.nodes[:] = result
    body.results[:] = [aliases.get(tensor, tensor) for tensor in body.results]


def rewritten(
    node: NodeDef, rewrite: Rewrite, nodes: dict[str, NodeDef], aliases: dict[str, str], types: list[int]
) -> list[NodeDef] | None:
    """The nodes in place of one with inputs of these types, or None if it is right as it is.

    Adds the new names of its outputs to `aliases`.
    """
    dtypes = [tf.as_dtype(dtype) for dtype in types]
    with tf.Graph().as_default() as graph:
        given = [
            _given(nodes[node_of(tensor)], dtype, f"given_{place}")
            for place, (tensor, dtype) in enumerate(zip(node.input, dtypes, strict=True))
        ]
        outputs = rewrite(node, *given)
    if outputs is None:
        return None
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    names = {tensor.name: name for tensor, name in zip(given, node.input, strict=True)}

    def rename(tensor: str) -> str:
        tensor = tensor if ":" in tensor else f"{tensor}:0"
        return names.get(tensor, f"{node.name}/rewritten/{tensor}")

    new = [one for one in graph.as_graph_def().node if f"{one.name}:0" not in names]
    for one in new:
        one.name = f"{node.name}/rewritten/{one.name}"
        one.input[:] = [rename(tensor) for tensor in one.input if not tensor.startswith("^")]
    aliases |= {f"{node.name}:{place}": rename(tensor.name) for place, tensor in enumerate(outputs)}
    return new


def _given(source: NodeDef, dtype: tf.DType, name: str) -> tf.Tensor:
    """What stands for an input: a constant, whose value a rewrite may look at, or a placeholder."""
    if source.op == "Const":
        return tf.constant(tf.make_ndarray(source.attr["value"].tensor), dtype, name=name)
    return tf.compat.v1.placeholder(dtype, None, name)
