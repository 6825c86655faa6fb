"""The functions of a TensorFlow graph as lists of nodes: calls are inlined, bodies of control flow stay apart.

TensorFlow's own inliner leaves calls that are to be compiled, and calls inside the bodies of loops and branches.
Each loop and branch gets bodies of its own, so that they can be changed for their caller.

In a graph, `node:2` is the third output of a node; in a FunctionDef, `node:name:0` is the first of the outputs
that the operation calls `name` (https://www.tensorflow.org/api_docs/python/tf/Graph, function.proto).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import tensorflow as tf

from bertferry.core.errors import DataError
from bertferry.modeling.tf_compat import FunctionDef, OpDef, get_op_def

CALLS = ("PartitionedCall", "StatefulPartitionedCall")
LOOPS = ("While", "StatelessWhile")
BRANCHES = ("If", "StatelessIf", "Case", "StatelessCase")
CONTROL_FLOW = LOOPS + BRANCHES
NodeDef: TypeAlias = tf.compat.v1.NodeDef


@dataclass
class Body:
    """Nodes without control inputs, the names of the arguments' placeholders, and the results' tensors."""

    nodes: list[NodeDef]
    arguments: list[str]
    results: list[str]

    def prune(self) -> "Body":
        """Without the nodes on which no result depends."""
        nodes = {node.name: node for node in self.nodes}
        needed = set(self.arguments)
        stack = [node_of(tensor) for tensor in self.results]
        while stack:
            name = stack.pop()
            if name not in needed:
                needed.add(name)
                stack += [node_of(tensor) for tensor in nodes[name].input]
        return replace(self, nodes=[node for node in self.nodes if node.name in needed])


@dataclass
class Program:
    """A body, and the bodies of its loops and branches (and of theirs) by the names that the nodes use."""

    main: Body
    bodies: dict[str, Body] = field(default_factory=dict)

    def all(self) -> Iterator[Body]:
        """Every body, the main one first."""
        yield self.main
        yield from self.bodies.values()


def node_of(tensor: str) -> str:
    """The node that outputs a tensor."""
    return tensor.split(":")[0]


def bodies_of(node: NodeDef) -> list[str]:
    """The names of the bodies of a loop (condition, body) or branch (in order)."""
    if node.op in LOOPS:
        return [node.attr["cond"].func.name, node.attr["body"].func.name]
    if node.op in ("Case", "StatelessCase"):
        return [branch.name for branch in node.attr["branches"].list.func]
    return [node.attr["then_branch"].func.name, node.attr["else_branch"].func.name]


def given_to_bodies(node: NodeDef) -> list[str]:
    """The tensors that a loop or branch gives to its bodies as arguments."""
    return list(node.input) if node.op in LOOPS else list(node.input[1:])


def expand(function: tf.types.experimental.ConcreteFunction) -> Program:
    """The program of a concrete function."""
    definition = function.graph.as_graph_def()
    expander = _Expander({one.signature.name: one for one in definition.library.function})
    nodes = [expander.normalize(node) for node in definition.node]
    arguments = [tensor.op.name for tensor in function.inputs]
    main = expander.inline(Body(nodes, arguments, [tensor.name for tensor in function.outputs]))
    return Program(main, expander.bodies)


class _Expander:
    def __init__(self, library: Mapping[str, FunctionDef]) -> None:
        self._library = library
        self.bodies: dict[str, Body] = {}

    def normalize(self, node: NodeDef) -> NodeDef:
        """A copy of a graph's node without control inputs, and with the places of its inputs."""
        copy = self._with_defaults(node)
        copy.input[:] = [name if ":" in name else f"{name}:0" for name in node.input if not name.startswith("^")]
        return copy

    def inline(self, body: Body) -> Body:
        """The body with the bodies of the called functions in place of the calls."""
        aliases: dict[str, str] = {}
        nodes: list[NodeDef] = []
        for node in body.nodes:
            called = node.attr["f"].func.name if node.op in CALLS else node.op
            if called in self._library:
                inner = _prefixed(self._flatten(called), f"{node.name}/inlined/")
                aliases |= zip((f"{name}:0" for name in inner.arguments), node.input, strict=True)
                aliases |= {f"{node.name}:{place}": tensor for place, tensor in enumerate(inner.results)}
                nodes += [one for one in inner.nodes if one.name not in set(inner.arguments)]
                continue
            if node.op in CONTROL_FLOW:
                node = self._with_own_bodies(node)
            nodes.append(node)

        def resolve(tensor: str) -> str:
            while tensor in aliases:
                tensor = aliases[tensor]
            return tensor

        for node in nodes:
            node.input[:] = [resolve(tensor) for tensor in node.input]
        return Body(nodes, body.arguments, [resolve(tensor) for tensor in body.results])

    def _flatten(self, name: str) -> Body:
        """A function's body, inlined, as nodes of a graph."""
        function = self._library[name]
        flat = {argument.name: f"{argument.name}:0" for argument in function.signature.input_arg}
        nodes = [_argument(argument.name, argument.type) for argument in function.signature.input_arg]
        for place, node in enumerate(nodes):
            given = function.arg_attr[place].attr["_output_shapes"].list.shape
            if given:
                node.attr["shape"].shape.CopyFrom(given[0])
        for node in function.node_def:
            flat |= {nested: f"{node.name}:{place}" for place, nested in enumerate(self._outputs(node))}
        for node in function.node_def:
            copy = self._with_defaults(node)
            copy.input[:] = [flat[tensor] for tensor in node.input if not tensor.startswith("^")]
            nodes.append(copy)
        results = [flat[function.ret[result.name]] for result in function.signature.output_arg]
        arguments = [argument.name for argument in function.signature.input_arg]
        return self.inline(Body(nodes, arguments, results))

    def _with_defaults(self, node: NodeDef) -> NodeDef:
        """A copy with every attribute of its operation: SavedModels leave out those that have their defaults."""
        copy = NodeDef()
        copy.CopyFrom(node)
        if node.op not in self._library:
            for attribute in get_op_def(node.op).attr:
                if attribute.HasField("default_value") and attribute.name not in copy.attr:
                    copy.attr[attribute.name].CopyFrom(attribute.default_value)
        return copy

    def _outputs(self, node: NodeDef) -> list[str]:
        """The names of a node's outputs in a FunctionDef, in order."""
        definition = self._library[node.op].signature if node.op in self._library else get_op_def(node.op)
        return outputs_in_function(node, definition)

    def _with_own_bodies(self, node: NodeDef) -> NodeDef:
        copy = NodeDef()
        copy.CopyFrom(node)
        copy.attr["_lower_using_switch_merge"].b = False  # else TensorFlow's optimizer makes it the loop of TF1
        for attribute in copy.attr.values():
            for called in (attribute.func, *attribute.list.func):
                if called.name:
                    body = self._flatten(called.name)
                    called.name = f"body_{len(self.bodies)}"
                    self.bodies[called.name] = body
        return copy


def outputs_in_function(node: NodeDef, definition: OpDef) -> list[str]:
    """The names that a node's outputs have in a FunctionDef, in order."""
    names = []
    for output in definition.output_arg:
        count = 1
        if output.number_attr:
            count = node.attr[output.number_attr].i
        elif output.type_list_attr:
            count = len(node.attr[output.type_list_attr].list.type)
        names += [f"{node.name}:{output.name}:{place}" for place in range(count)]
    return names


def _argument(name: str, dtype: int) -> NodeDef:
    node = NodeDef(name=name, op="Placeholder")
    node.attr["dtype"].type = dtype
    node.attr["shape"].shape.unknown_rank = True
    return node


def _prefixed(body: Body, prefix: str) -> Body:
    for node in body.nodes:
        node.name = prefix + node.name
        node.input[:] = [prefix + tensor for tensor in node.input]
    return Body(body.nodes, [prefix + name for name in body.arguments], [prefix + name for name in body.results])


def to_graph_def(program: Program) -> tf.compat.v1.GraphDef:
    """The program as a graph with a library of functions."""
    graph = tf.compat.v1.GraphDef(versions=tf.Graph().as_graph_def().versions)
    graph.node.extend(program.main.nodes)
    for node in graph.node:  # TensorFlow's optimizer takes `node:0` for another name than `node`
        node.input[:] = [tensor.removesuffix(":0") for tensor in node.input]
    for name, body in program.bodies.items():
        graph.library.function.append(_to_function(name, body))
    return graph


def _to_function(name: str, body: Body) -> FunctionDef:
    nested = {f"{argument}:0": argument for argument in body.arguments}
    nodes = {node.name: node for node in body.nodes}
    for node in body.nodes:
        if node.name not in body.arguments:
            outputs = outputs_in_function(node, get_op_def(node.op))
            nested |= {f"{node.name}:{place}": output for place, output in enumerate(outputs)}
    function = FunctionDef()
    function.signature.name = name
    for place, argument in enumerate(body.arguments):
        function.signature.input_arg.add(name=argument, type=nodes[argument].attr["dtype"].type)
        shapes = function.arg_attr[place].attr["_output_shapes"].list.shape
        shapes.append(nodes[argument].attr["shape"].shape)
    for node in body.nodes:
        if node.name not in body.arguments:
            copy = function.node_def.add()
            copy.CopyFrom(node)
            copy.input[:] = [nested[tensor] for tensor in node.input]
    for place, tensor in enumerate(body.results):
        result = function.signature.output_arg.add(name=f"result_{place}", type=dtype_of(nodes, tensor))
        function.ret[result.name] = nested[tensor]
    return function


def dtype_of(nodes: Mapping[str, NodeDef], tensor: str) -> int:
    """The type of a tensor, as a number of types.proto.

    Raises:
      DataError: an operation that TensorFlow does not know.
    """
    node, place = nodes[node_of(tensor)], int(tensor.split(":")[1])
    types: list[int] = []
    for output in get_op_def(node.op).output_arg:
        if output.type_list_attr:
            types += node.attr[output.type_list_attr].list.type
            continue
        dtype = node.attr[output.type_attr].type if output.type_attr else output.type
        types += [dtype] * (node.attr[output.number_attr].i if output.number_attr else 1)
    if place >= len(types):
        raise DataError(f"{node.op} {node.name} has no output {place}")
    return types[place]
