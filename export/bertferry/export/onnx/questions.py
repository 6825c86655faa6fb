"""Makes a graph of rows one of questions with several choices, as clients of Hugging Face's files give them.

https://huggingface.co/docs/transformers/tasks/multiple_choice
"""

import numpy as np
from onnx import helper, numpy_helper

from bertferry.export.onnx.draft import Draft

ALL_ROWS = "all_rows"
"""The constant of a size that follows from the others."""


def with_questions(draft: Draft) -> Draft:
    """The graph with inputs [B, C, S] in place of rows [B · C, S], and scores [B, C] in place of [B · C, 1].

    Outputs on request stay those of rows, as in transformers. Changes the draft's model.
    """
    graph = draft.model.graph
    weights = {weight.name for weight in draft.weights}
    inputs = [value for value in graph.input if value.name not in weights]
    names = {value.name: f"{value.name}/rows" for value in inputs} | {draft.outputs[0]: "scores/rows"}
    for node in graph.node:
        for tensors in (node.input, node.output):
            tensors[:] = [names.get(name, name) for name in tensors]
    before = []
    for value in inputs:
        value.type.tensor_type.shape.dim.add()
        length, shape = f"{value.name}/length", f"{value.name}/shape"
        before += [
            helper.make_node("Shape", [value.name], [length], start=2, end=3),
            helper.make_node("Concat", [ALL_ROWS, length], [shape], axis=0),
            helper.make_node("Reshape", [value.name, shape], [names[value.name]]),
        ]
    after = [
        helper.make_node("Shape", [inputs[0].name], ["questions"], start=0, end=2),
        helper.make_node("Reshape", ["scores/rows", "questions"], [draft.outputs[0]]),
    ]
    nodes = [*before, *graph.node, *after]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.append(numpy_helper.from_array(np.array([-1]), ALL_ROWS))
    return draft
