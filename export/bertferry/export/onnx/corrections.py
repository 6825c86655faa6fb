"""Replaces operations that tf2onnx translates wrongly, or not at all, by others that it translates rightly."""

import tensorflow as tf

from bertferry.export.onnx.functions import Body, NodeDef, Program, dtype_of
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
        replaced = None if rewrite is None else _rewritten(node, rewrite, nodes, aliases)
        result += [node] if replaced is None else replaced
    for node in result:
        node.input[:] = [aliases.get(tensor, tensor) for tensor in node.input]
    body.nodes[:] = result
    body.results[:] = [aliases.get(tensor, tensor) for tensor in body.results]


def _rewritten(
    node: NodeDef, rewrite: Rewrite, nodes: dict[str, NodeDef], aliases: dict[str, str]
) -> list[NodeDef] | None:
    """The nodes in place of one, or None if it is right as it is; notes the new names of its outputs."""
    dtypes = [tf.as_dtype(dtype_of(nodes, tensor)) for tensor in node.input]
    with tf.Graph().as_default() as graph:
        given = [tf.compat.v1.placeholder(dtype, None, f"given_{place}") for place, dtype in enumerate(dtypes)]
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
