"""A TensorFlow function's graph with inlined calls, to run in part or with rounded products."""

from collections.abc import Mapping
from functools import cached_property

import tensorflow as tf

from bertferry.modeling.tf_compat import capture, get_argument_name, inline_calls, list_captures
from bertferry.verify.inspection_points import point_of, sort_points

NARROW = (tf.float16, tf.bfloat16)
PRODUCTS = ("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum")


class InlinedGraph:
    """The graph of a concrete function.

    `inputs` maps argument names to tensors of the graph, `outputs` output names to tensors, and `captures`
    the placeholders of captured variables to their handles.
    """

    def __init__(self, function: tf.types.experimental.ConcreteFunction) -> None:
        self.definition = inline_calls(function)
        self.captures = list_captures(function)
        values = [tensor for tensor in function.inputs if tensor.op.name not in self.captures]
        self.inputs = {get_argument_name(tensor): tensor.name for tensor in values}
        names = sorted(function.structured_outputs)
        self.outputs = dict(zip(names, (tensor.name for tensor in function.outputs), strict=True))

    @cached_property
    def points(self) -> dict[str, str]:
        """The named points in the graph, in order, with the identity node that outputs each."""
        nodes: dict[str, str] = {}
        for node in self.definition.node:
            point = point_of(node.name) if node.op == "Identity" else None
            if point is not None:
                nodes.setdefault(point, node.name)
        return {point: nodes[point] for point in sort_points(set(nodes))}

    def run(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The outputs; call it while a `tf.function` is traced."""
        return self._import_graph(inputs, {}, self.outputs)

    def run_to_points(
        self, inputs: Mapping[str, tf.Tensor], given: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """The values at the points, each computed from the given ones before it; call it like `run`."""
        nodes = {node.name: node for node in self.definition.node}
        replacements = {
            f"{name}:0": tf.cast(given[point], tf.as_dtype(nodes[name].attr["T"].type))
            for point, name in self.points.items()
            if point in given
        }
        values = {point: _tensor_name(nodes[name].input[0]) for point, name in self.points.items()}
        return self._import_graph(inputs, replacements, values)

    def _import_graph(
        self, inputs: Mapping[str, tf.Tensor], replaced: Mapping[str, tf.Tensor], wanted: Mapping[str, str]
    ) -> dict[str, tf.Tensor]:
        mapping = {tensor: inputs[name] for name, tensor in self.inputs.items()}
        mapping |= {f"{name}:0": capture(handle) for name, handle in self.captures.items()}
        # XLA also compiles unused nodes and does not support placeholders.
        body = tf.compat.v1.GraphDef(versions=self.definition.versions)
        body.node.extend(node for node in self.definition.node if node.op != "Placeholder")
        used = {_tensor_name(name) for node in body.node for name in node.input}
        mapping = {name: value for name, value in {**mapping, **replaced}.items() if name in used}
        tensors = tf.graph_util.import_graph_def(
            body, mapping, return_elements=list(wanted.values()), name="inlined"
        )
        return dict(zip(wanted, tensors, strict=True))

    def round_products(self) -> None:
        """Rounds both operands of every float32 matrix product to bfloat16, as a TPU's matrix unit does."""
        added = []
        for node in self.definition.node:
            if node.op in PRODUCTS and node.attr["T"].type == tf.float32.as_datatype_enum:
                for place in range(2):
                    narrow, wide = (f"{node.name}/{what}_{place}" for what in ("bfloat16", "float32"))
                    added.append(_cast(narrow, node.input[place], tf.float32, tf.bfloat16))
                    added.append(_cast(wide, narrow, tf.bfloat16, tf.float32))
                    node.input[place] = wide
        self.definition.node.extend(added)

    def widen_products(self) -> None:
        """Sums products of float16 and bfloat16 operands in float32 and rounds the sum, as GPUs do.

        So do processors with instructions for these types; on others, TensorFlow sums in the narrow type, in an
        order that depends on the number of threads.
        """
        added = []
        for node in self.definition.node:
            narrow = tf.as_dtype(node.attr["T"].type) if node.op in PRODUCTS else None
            if narrow in NARROW:
                for place, operand in enumerate(node.input[:2]):
                    wide = f"{node.name}/float32_{place}"
                    added.append(_cast(wide, operand, narrow, tf.float32))
                    node.input[place] = wide
                added.append(_cast(node.name, f"{node.name}/float32", tf.float32, narrow))
                node.name = f"{node.name}/float32"
                node.attr["T"].type = tf.float32.as_datatype_enum
        self.definition.node.extend(added)


def _cast(name: str, tensor: str, source: tf.DType, target: tf.DType) -> tf.compat.v1.NodeDef:
    node = tf.compat.v1.GraphDef().node.add(name=name, op="Cast", input=[tensor])
    node.attr["SrcT"].type, node.attr["DstT"].type = source.as_datatype_enum, target.as_datatype_enum
    return node


def _tensor_name(node_input: str) -> str:
    """The tensor that an input of a node names."""
    return node_input if ":" in node_input else f"{node_input}:0"
