"""Writes a switch (Case) as nested branches of two, which is what ONNX has."""

from copy import deepcopy

import tensorflow as tf

from bertferry.export.onnx.functions import Body, NodeDef, Program

SWITCHES = ("Case", "StatelessCase")
INDEX = "case_index"


def split_switches(program: Program) -> None:
    """Replaces every switch of a program by branches, in place.

    An index outside the range takes the last branch
    (https://www.tensorflow.org/api_docs/python/tf/raw_ops/Case).
    """
    stack = list(program.all())
    while stack:
        body = stack.pop()
        nodes: list[NodeDef] = []
        for node in body.nodes:
            if node.op not in SWITCHES:
                nodes.append(node)
                continue
            names = [branch.name for branch in node.attr["branches"].list.func]
            if len(names) == 1:
                names.append(_add(program, deepcopy(program.bodies[names[0]])))
            nodes += _branch(program, node, names, 0)
        body.nodes[:] = nodes


def _branch(program: Program, switch: NodeDef, names: list[str], number: int) -> list[NodeDef]:
    """The nodes that choose between this branch and those after it; the last one has the switch's name."""
    index, *given = switch.input
    first, rest = names[number], names[number + 1]
    more = number + 2 < len(names)
    if more:  # what chooses further needs the index too, and both branches take the same arguments
        inner = NodeDef(name=switch.name, op=switch.op)
        inner.CopyFrom(switch)
        arguments = list(program.bodies[first].arguments)
        inner.input[:] = [f"{INDEX}:0", *(f"{name}:0" for name in arguments)]
        placeholders = [node for node in program.bodies[first].nodes if node.name in arguments]
        chosen = _branch(program, inner, names, number + 1)
        results = [f"{chosen[-1].name}:{place}" for place in range(len(switch.attr["Tout"].list.type))]
        nodes = [_index(), *deepcopy(placeholders), *chosen]
        rest = _add(program, Body(nodes, [INDEX, *arguments], results))
        body = program.bodies[first]
        first = _add(program, Body([_index(), *body.nodes], [INDEX, *body.arguments], body.results))
        given = [index, *given]
    constant = NodeDef(name=f"{switch.name}/number_{number}", op="Const")
    constant.attr["dtype"].type = tf.int32.as_datatype_enum
    constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(number, tf.int32))
    equal = NodeDef(name=f"{switch.name}/is_{number}", op="Equal", input=[index, f"{constant.name}:0"])
    equal.attr["T"].type = tf.int32.as_datatype_enum
    branch = NodeDef(name=switch.name, op="StatelessIf", input=[f"{equal.name}:0", *given])
    types = [tf.int32.as_datatype_enum] * more + list(switch.attr["Tin"].list.type)
    branch.attr["Tcond"].type = tf.bool.as_datatype_enum
    branch.attr["Tin"].list.type.extend(types)
    branch.attr["Tout"].CopyFrom(switch.attr["Tout"])
    if switch.attr["output_shapes"].list.shape:
        branch.attr["output_shapes"].CopyFrom(switch.attr["output_shapes"])
    branch.attr["then_branch"].func.name, branch.attr["else_branch"].func.name = first, rest
    branch.attr["_lower_using_switch_merge"].b = False
    return [constant, equal, branch]


def _index() -> NodeDef:
    node = NodeDef(name=INDEX, op="Placeholder")
    node.attr["dtype"].type = tf.int32.as_datatype_enum
    node.attr["shape"].shape.SetInParent()
    return node


def _add(program: Program, body: Body) -> str:
    name = f"body_{len(program.bodies)}"
    while name in program.bodies:
        name = f"{name}_"
    program.bodies[name] = body
    return name
