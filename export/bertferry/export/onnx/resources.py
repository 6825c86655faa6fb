"""Follows variables from where a program captures them to where its loops and branches use them.

In TensorFlow a loop or branch gets a variable as an argument: a handle, which its body reads. ONNX has no handles,
so each handle becomes the variable's value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import tensorflow as tf

from bertferry.core.errors import DataError
from bertferry.export.onnx.functions import (
    CONTROL_FLOW,
    LOOPS,
    Body,
    NodeDef,
    Program,
    bodies_of,
    dtype_of,
    given_to_bodies,
    node_of,
)

READS = ("ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape")
PASSED_THROUGH = ("Identity", "Enter", "Switch")
"""Operations that return the handle that they take; the last two are of TensorFlow 1's loops and branches."""
RESOURCE = tf.resource.as_datatype_enum
Owner: TypeAlias = tf.Variable | tf.Tensor | NodeDef
"""What a resource is: a variable, another captured value, or the node that makes it."""


@dataclass(frozen=True)
class Use:
    """A node that takes a resource: `owner` is a variable, or the node or captured value that it is otherwise."""

    node: NodeDef
    place: int
    owner: Owner


class Scope:
    """A body with the owners of the resources that it gets as arguments."""

    def __init__(self, body: Body, owners: Mapping[str, Owner | None]) -> None:
        self.body = body
        self._owners = owners
        self._nodes = {node.name: node for node in body.nodes}

    def owner(self, tensor: str) -> Owner | None:
        """The variable behind a resource tensor, or what else it is; None if the tensor is not a resource."""
        if dtype_of(self._nodes, tensor) != RESOURCE:
            return None
        node, place = self._nodes[node_of(tensor)], int(tensor.split(":")[1])
        if node.op in LOOPS:
            return self.owner(node.input[place])
        if node.op in PASSED_THROUGH:
            return self.owner(node.input[0])
        return self._owners.get(node.name, node)

    def uses(self) -> Iterator[Use]:
        """Every use of a resource, apart from passing it on."""
        for node in self.body.nodes:
            if node.op not in (*PASSED_THROUGH, *CONTROL_FLOW):  # which pass it on
                for place, tensor in enumerate(node.input):
                    if (owner := self.owner(tensor)) is not None:
                        yield Use(node, place, owner)


def scopes(program: Program, captured: Mapping[str, Owner | None]) -> Iterator[Scope]:
    """The main body and every body of a loop or branch in it; `captured` are the owners by placeholder."""
    stack = [Scope(program.main, captured)]
    while stack:
        scope = stack.pop()
        yield scope
        for node in scope.body.nodes:
            if node.op in CONTROL_FLOW:
                owners = [scope.owner(tensor) for tensor in given_to_bodies(node)]
                for name in bodies_of(node):
                    body = program.bodies[name]
                    stack.append(Scope(body, dict(zip(body.arguments, owners, strict=True))))


def prune(program: Program) -> Program:
    """Without the nodes and bodies on which no result depends: updates of counters, checks, prints.

    A body keeps its arguments, and a loop all its variables.
    """
    main = program.main.prune()
    bodies: dict[str, Body] = {}
    stack = [main]
    while stack:
        for node in stack.pop().nodes:
            for name in bodies_of(node) if node.op in CONTROL_FLOW else ():
                bodies[name] = program.bodies[name].prune()
                stack.append(bodies[name])
    return Program(main, bodies)


def drop_state(program: Program, captured: Mapping[str, Owner | None]) -> Program:
    """The program without its updates of variables.

    Raises:
      DataError: a result depends on a variable that the program changes, or on a resource other than a variable.
    """
    changed = {
        id(use.owner): use.node.op
        for scope in scopes(program, captured)
        for use in scope.uses()
        if isinstance(use.owner, tf.Variable) and use.node.op not in READS
    }
    pruned = prune(program)
    for scope in scopes(pruned, captured):
        for use in scope.uses():
            if not isinstance(use.owner, tf.Variable):
                raise DataError(_foreign(use))
            if id(use.owner) in changed:
                raise DataError(
                    f"an output depends on the variable {use.owner.name.removesuffix(':0')}, which the signature "
                    f"changes ({changed[id(use.owner)]}): an ONNX graph keeps no state from call to call; export "
                    "a signature that takes and returns it"
                )
    return pruned


def _foreign(use: Use) -> str:
    is_table = "Lookup" in use.node.op
    kind = "a lookup table" if is_table else "a resource"
    remedy = "; export a signature that takes what the table returns, such as ids" if is_table else ""
    return f"{use.node.op} ({use.node.name}) uses {kind}: ONNX can only express reading variables{remedy}"


def replace_handles(program: Program, captured: Mapping[str, Owner | None]) -> None:
    """Makes every handle the value of its variable, in place: reads become identities and lookups gathers."""
    for scope in list(scopes(program, captured)):
        variables = {
            (node.name, place): owner
            for node in scope.body.nodes
            for place, tensor in enumerate(node.input)
            if (owner := scope.owner(tensor)) is not None
        }
        outputs = {
            node.name: owner
            for node in scope.body.nodes
            if node.op in ("Placeholder", *PASSED_THROUGH) and (owner := scope.owner(f"{node.name}:0")) is not None
        }
        nodes: list[NodeDef] = []
        for node in scope.body.nodes:
            nodes += _with_values(node, variables, outputs.get(node.name))
        scope.body.nodes[:] = nodes


def _with_values(
    node: NodeDef, variables: Mapping[tuple[str, int], tf.Variable], own: tf.Variable | None
) -> list[NodeDef]:
    """The nodes in place of one that takes handles or, with `own`, passes a handle on."""
    if node.op == "Placeholder" and own is not None:
        node.attr["dtype"].type = own.dtype.as_datatype_enum
        node.attr["shape"].shape.CopyFrom(own.shape.as_proto())
    elif node.op in PASSED_THROUGH and own is not None:
        node.attr["T"].type = own.dtype.as_datatype_enum
    elif node.op in CONTROL_FLOW:
        _set_types(node, variables)
    elif node.op == "ReadVariableOp":
        return [_replace(node, "Identity", list(node.input), {"T": node.attr["dtype"]})]
    elif node.op == "VariableShape":
        read = _replace(node, "Shape", list(node.input), {"out_type": node.attr["out_type"]})
        read.attr["T"].type = variables[node.name, 0].dtype.as_datatype_enum
        return [read]
    elif node.op == "ResourceGather":
        return _gather(node)
    elif node.op == "ResourceGatherNd":
        types = {"Tparams": node.attr["dtype"], "Tindices": node.attr["Tindices"]}
        return [_replace(node, "GatherNd", list(node.input), types)]
    return [node]


def _set_types(node: NodeDef, variables: Mapping[tuple[str, int], tf.Variable]) -> None:
    """The types of what a loop or branch gets; a loop returns its handles, and their shapes may be noted."""
    types = node.attr["T" if node.op in LOOPS else "Tin"].list.type
    shapes = node.attr["output_shapes"].list.shape
    first = 0 if node.op in LOOPS else 1
    for place in range(first, len(node.input)):
        variable = variables.get((node.name, place))
        if variable is not None:
            types[place - first] = variable.dtype.as_datatype_enum
            if node.op in LOOPS and shapes:
                shapes[place].CopyFrom(variable.shape.as_proto())


def _replace(node: NodeDef, op: str, inputs: list[str], attributes: Mapping[str, Any]) -> NodeDef:
    replacement = NodeDef(name=node.name, op=op, input=inputs)
    for name, value in attributes.items():
        replacement.attr[name].CopyFrom(value)
    return replacement


def _gather(node: NodeDef) -> list[NodeDef]:
    """A gather along the first axis after the batch axes, with its axis as a constant."""
    batch_dims = node.attr["batch_dims"].i
    axis = NodeDef(name=f"{node.name}/axis", op="Const")
    axis.attr["dtype"].type = tf.int32.as_datatype_enum
    axis.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(batch_dims, tf.int32))
    types = {"Tparams": node.attr["dtype"], "Tindices": node.attr["Tindices"], "Taxis": axis.attr["dtype"]}
    gather = _replace(node, "GatherV2", [*node.input, f"{axis.name}:0"], types)
    gather.attr["batch_dims"].i = batch_dims
    return [axis, gather]
