"""Saves a function for TensorFlow's converter, which reads SavedModels alone."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from bertferry.export.onnx.lift import LiftedGraph
from bertferry.export.system_errors import system_errors

Outputs = Mapping[str, tf.Tensor]


def save_function(
    folder: Path,
    signature: str,
    specs: Sequence[tf.TensorSpec],
    compute: Callable[[Mapping[str, tf.Tensor]], Outputs],
    variables: Sequence[tf.Variable],
) -> None:
    """Saves a function of inputs by name, and the variables that it uses, as a signature."""
    root = tf.train.Checkpoint()
    root.parameters = list(variables)

    @tf.function(input_signature=specs, autograph=False)
    def serve(*tensors):  # type: ignore[no-untyped-def]
        return compute({spec.name: tensor for spec, tensor in zip(specs, tensors, strict=True)})

    with system_errors():
        tf.saved_model.save(root, str(folder), signatures={signature: serve})


def save_graph(folder: Path, signature: str, graph: LiftedGraph) -> None:
    """Saves a lifted graph with its weights, under its own names."""
    variables = {place: tf.Variable(weight.load(), trainable=False) for place, weight in graph.weights.items()}
    specs = [tf.TensorSpec(given.shape, given.dtype, given.name) for given in graph.described]

    def compute(inputs: Mapping[str, tf.Tensor]) -> Outputs:
        given = {graph.inputs[name]: tensor for name, tensor in inputs.items()}
        given |= {place: tf.convert_to_tensor(variable) for place, variable in variables.items()}
        results = tf.graph_util.import_graph_def(
            graph.graph, input_map=given, return_elements=list(graph.outputs.values()), name=""
        )
        names = (graph.renamed.get(name, name) for name in graph.outputs)
        return dict(zip(names, results, strict=True))

    save_function(folder, signature, specs, compute, list(variables.values()))
