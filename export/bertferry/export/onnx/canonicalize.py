"""Gives a graph a canonical order and canonical names.

tf2onnx numbers its nodes and tensors differently from run to run, but the same export must give the same bytes.
"""

from collections.abc import Collection, Mapping

import onnx
from onnx import helper, numpy_helper

from bertferry.export.onnx.loops import STEP
from bertferry.export.onnx.subgraphs import captured, nodes_in_order, subgraphs
from bertferry.verify.inspection_points import point_of


def canonicalize(model: onnx.ModelProto, kept: Collection[str]) -> onnx.ModelProto:
    """The same graph with sorted nodes, without duplicate constants and with numbered tensors.

    Inputs, outputs and the tensors `kept` keep their names; nodes are named after their first output. Constants of
    bodies and branches move to the graph itself, where equal ones are one.
    """
    graph = model.graph
    _return_own_values(graph)
    result = helper.make_graph([], "bertferry", list(graph.input), list(graph.output))
    names = {name: name for name in (*kept, *(value.name for value in (*graph.input, *graph.output)))}
    _Renaming(result).rename(graph, result, names, "")
    opsets = list(model.opset_import)
    return helper.make_model(result, opset_imports=opsets, ir_version=_ir_version(opsets))


def _ir_version(opsets: Collection[onnx.OperatorSetIdProto]) -> int:
    """The oldest version of the format that has these opsets: newer ones are unknown to older runtimes."""
    return int(helper.find_min_ir_version_for([opset for opset in opsets if opset.domain in ("", "ai.onnx")]))


def find_points(model: onnx.ModelProto) -> set[str]:
    """Names of the tensors at which the graph can be cut; they keep their names."""
    return {name for node in model.graph.node for name in node.output if point_of(name) == name}


class _Renaming:
    """Copies graphs; `main` gets the constants."""

    def __init__(self, main: onnx.GraphProto) -> None:
        self._main = main
        self._unique: dict[bytes, str] = {}

    def rename(
        self, graph: onnx.GraphProto, result: onnx.GraphProto, outer: Mapping[str, str], scope: str
    ) -> None:
        """Adds the nodes of `graph` to `result`; `outer` has the new names that are known already."""
        names = dict(outer)
        constants = {constant.name: constant for constant in graph.initializer}
        names = {old: new for old, new in names.items() if old not in constants or not scope}
        for number, node in enumerate(nodes_in_order(graph)):
            used = [*node.input, *(name for inner in subgraphs(node) for name in captured(inner))]
            for name in used:
                if name in constants and name not in names:
                    names[name] = self._add_constant(constants[name])
            for place, name in enumerate(node.output):
                if name:
                    names.setdefault(name, f"{scope}{node.op_type}_{number}" + (f"_{place}" if place else ""))
            copy = result.node.add()
            copy.CopyFrom(node)
            copy.input[:] = [names.get(name, name) for name in node.input]
            copy.output[:] = [names.get(name, name) for name in node.output]
            copy.name = next(name for name in copy.output if name)
            copy.doc_string = ""
            attributes = sorted(copy.attribute, key=lambda attribute: attribute.name)
            del copy.attribute[:]
            copy.attribute.extend(attributes)
            for attribute in copy.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    scope_inside = f"{copy.name}/{attribute.name}/"
                    steps = STEP if copy.op_type == "Loop" else 0
                    attribute.g.CopyFrom(self._inner(attribute.g, names, scope_inside, steps))
        for value in result.output:
            value.name = names.get(value.name, value.name)

    def _inner(self, graph: onnx.GraphProto, outer: Mapping[str, str], scope: str, steps: int) -> onnx.GraphProto:
        """A body or branch, whose first inputs are scalars or, in tf2onnx's loop of crops, vectors of one number.

        The shapes of its other values are left open.
        """
        _return_own_values(graph)
        own = {name for node in graph.node for name in node.output} | {value.name for value in graph.input}
        names = {old: new for old, new in outer.items() if old not in own}
        names |= {value.name: f"{scope}input_{place}" for place, value in enumerate(graph.input)}
        result = helper.make_graph([], scope.rstrip("/").replace("/", "_"), [], [])
        for values, copies in ((graph.input, result.input), (graph.output, result.output)):
            for value in values:
                copy = copies.add()
                copy.name = value.name
                if value.HasField("type"):
                    copy.type.CopyFrom(value.type)
                    copy.type.tensor_type.ClearField("shape")
        for place, value in enumerate(result.input):
            value.name = names[value.name]
            if place < steps:
                value.type.tensor_type.shape.CopyFrom(graph.input[place].type.tensor_type.shape)
        self.rename(graph, result, names, scope)
        return result

    def _add_constant(self, constant: onnx.TensorProto) -> str:
        """The name of a constant; adds it unless the graph contains an equal one."""
        copy = numpy_helper.from_array(numpy_helper.to_array(constant))
        key = copy.SerializeToString(deterministic=True)
        if key not in self._unique:
            self._unique[key] = copy.name = f"constant_{len(self._unique)}"
            self._main.initializer.append(copy)
        return self._unique[key]


def _return_own_values(graph: onnx.GraphProto) -> None:
    """Makes every output the output of a node of its own: a constant or an input may be returned too."""
    produced = {name for node in graph.node for name in node.output}
    constants = {constant.name: constant for constant in graph.initializer}
    seen: set[str] = set()
    for place, value in enumerate(graph.output):
        if value.name in produced and value.name not in seen:
            seen.add(value.name)
            continue
        source = value.name
        if source in constants and source not in seen:
            constants[source].name = source = f"{value.name}/value"
            for node in graph.node:
                node.input[:] = [source if name == value.name else name for name in node.input]
        else:
            value.name = f"{value.name}/output_{place}"
        seen.add(value.name)
        graph.node.append(helper.make_node("Identity", [source], [value.name]))
