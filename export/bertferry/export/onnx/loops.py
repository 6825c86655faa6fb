"""Takes what a loop never changes out of the variables that it passes from step to step.

TensorFlow gives a loop everything that its body uses, weights included, as variables. In ONNX a body may use the
values around it, and a variable is copied in every step.
"""

import onnx

from bertferry.export.onnx.subgraphs import all_graphs, subgraphs

STEP = 2
"""A body takes the number of the step and the condition before its variables, and returns the condition first."""


def release_constants(graph: onnx.GraphProto) -> None:
    """Lets the bodies of all loops use the values around them where their variables never change, in place."""
    for one in list(all_graphs(graph)):
        for node in one.node:
            if node.op_type == "Loop":
                _release(one, node)


def _release(graph: onnx.GraphProto, loop: onnx.NodeProto) -> None:
    (body,) = subgraphs(loop)
    origins = {node.output[0]: node.input[0] for node in body.node if node.op_type == "Identity"}
    variables = len(loop.input) - STEP
    for place in reversed(range(variables)):
        origin = body.output[place + 1].name
        while origin in origins:
            origin = origins[origin]
        variable = body.input[place + STEP].name
        if origin != variable:
            continue
        outside = loop.input[place + STEP]
        _rename(body, variable, outside)
        if place < len(loop.output) and loop.output[place]:
            _rename(graph, loop.output[place], outside)
        del body.input[place + STEP], body.output[place + 1], loop.input[place + STEP]
        if place < len(loop.output):
            del loop.output[place]


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Makes every user of a tensor use another, at any depth."""
    for one in all_graphs(graph):
        for node in one.node:
            node.input[:] = [new if name == old else name for name in node.input]
        if one is not graph:
            for value in one.output:
                value.name = new if value.name == old else value.name
    for value in graph.output:
        if value.name == old:
            graph.node.append(onnx.helper.make_node("Identity", [new], [old]))
            break
