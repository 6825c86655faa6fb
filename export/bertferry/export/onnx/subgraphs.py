"""The graphs inside the nodes of an ONNX graph: bodies of Loop, branches of If.

Their nodes may use the names of the graphs around them (https://onnx.ai/onnx/repo-docs/IR.html#graphs).
"""

from collections.abc import Iterator

import onnx


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs of a node, in order of their attributes' names."""
    for attribute in sorted(node.attribute, key=lambda attribute: attribute.name):
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == onnx.AttributeProto.GRAPHS:
            yield from attribute.graphs


def all_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph, and all graphs inside its nodes and theirs."""
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from all_graphs(inner)


def names_used(graph: onnx.GraphProto) -> set[str]:
    """Every name that a node takes or a graph returns, at any depth."""
    return {
        name
        for one in all_graphs(graph)
        for name in (*(name for node in one.node for name in node.input), *(value.name for value in one.output))
    }


def captured(graph: onnx.GraphProto) -> list[str]:
    """The names of surrounding graphs that a graph uses, in order of their use."""
    own = {value.name for value in graph.input} | {constant.name for constant in graph.initializer}
    own |= {name for node in graph.node for name in node.output}
    used: list[str] = []
    for node in graph.node:
        used += node.input
        for inner in subgraphs(node):
            used += captured(inner)
    used += [value.name for value in graph.output]
    return [name for name in dict.fromkeys(used) if name and name not in own]


def nodes_in_order(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """The nodes on which the outputs depend, each after the nodes on which it depends itself."""
    producers = {output: node for node in graph.node for output in node.output if output}
    done: set[int] = set()
    stack = [(output.name, False) for output in reversed(graph.output)]
    while stack:
        tensor, ready = stack.pop()
        node = producers.get(tensor)
        if node is None or id(node) in done:
            continue
        if ready:
            done.add(id(node))
            yield node
        else:
            stack.append((tensor, True))
            stack.extend((name, False) for name in reversed(_needed(node)) if name)


def _needed(node: onnx.NodeProto) -> list[str]:
    """What a node takes, and what its bodies and branches take from around it, in their canonical order."""
    names = list(node.input)
    for inner in subgraphs(node):
        own = {value.name for value in inner.input} | {constant.name for constant in inner.initializer}
        own |= {name for one in inner.node for name in one.output}
        for one in nodes_in_order(inner):
            names += [name for name in _needed(one) if name not in own]
        names += [value.name for value in inner.output if value.name not in own]
    return names
