"""Gives a graph a canonical order and canonical names.

tf2onnx numbers its nodes and tensors differently from run to run, but the same export must give the same bytes.
"""

from collections.abc import Collection, Iterator

import onnx
from onnx import helper, numpy_helper


def canonicalize(model: onnx.ModelProto, kept: Collection[str]) -> onnx.ModelProto:
    """The same graph with sorted nodes, without duplicate constants and with numbered tensors.

    Inputs, outputs and the tensors `kept` keep their names; nodes are named after their first output.
    """
    graph = model.graph
    producers = {output: node for node in graph.node for output in node.output if output}
    constants = {constant.name: constant for constant in graph.initializer}
    names = {name: name for name in (*kept, *(value.name for value in (*graph.input, *graph.output)))}
    nodes = list(_nodes_in_order(graph, producers))
    unique: dict[bytes, str] = {}
    result = helper.make_graph([], "bertferry", list(graph.input), list(graph.output))
    for number, node in enumerate(nodes):
        for name in node.input:
            if name in constants and name not in names:
                names[name] = _add_constant(result, constants[name], unique)
        for place, name in enumerate(node.output):
            if name:
                names.setdefault(name, f"{node.op_type}_{number}" + (f"_{place}" if place else ""))
        copy = result.node.add()
        copy.CopyFrom(node)
        copy.input[:] = [names.get(name, name) for name in node.input]
        copy.output[:] = [names.get(name, name) for name in node.output]
        copy.name = copy.output[0]
        copy.doc_string = ""
        attributes = sorted(copy.attribute, key=lambda attribute: attribute.name)
        del copy.attribute[:]
        copy.attribute.extend(attributes)
    return helper.make_model(result, opset_imports=list(model.opset_import), ir_version=IR_VERSION)


IR_VERSION = 9
"""The IR version of opset 19 and below, which older runtimes can read."""


def _add_constant(graph: onnx.GraphProto, constant: onnx.TensorProto, unique: dict[bytes, str]) -> str:
    """The name of a constant; adds it unless the graph contains an equal one."""
    copy = numpy_helper.from_array(numpy_helper.to_array(constant))
    key = copy.SerializeToString(deterministic=True)
    if key not in unique:
        unique[key] = copy.name = f"constant_{len(unique)}"
        graph.initializer.append(copy)
    return unique[key]


def _nodes_in_order(graph: onnx.GraphProto, producers: dict[str, onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """The nodes on which the outputs depend, each after the nodes on which it depends itself."""
    done: set[str] = set()
    stack = [(output.name, False) for output in reversed(graph.output)]
    while stack:
        tensor, ready = stack.pop()
        node = producers.get(tensor)
        if node is None or node.output[0] in done:
            continue
        if ready:
            done.add(node.output[0])
            yield node
        else:
            stack.append((tensor, True))
            stack.extend((name, False) for name in reversed(node.input) if name)
