"""What a module takes to load: few nodes, and variables that servers save and restore."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from bertferry.export import ModuleOptions, export_hub_module
from bertferry.modeling.tf_compat import SavedModel


@pytest.fixture(scope="module")
def modules(module, references, tmp_path_factory):
    pretrainer = tmp_path_factory.mktemp("hub") / "pretrainer"
    export_hub_module(references["pretrainer"].source, pretrainer, ModuleOptions("pretrainer", verify=False))
    return {"encoder": module, "pretrainer": pretrainer}


def functions(module):
    """The functions that `tf.saved_model.load` rebuilds, by name."""
    (meta_graph,) = SavedModel.FromString((module / "saved_model.pb").read_bytes()).meta_graphs
    return {function.signature.name: function for function in meta_graph.graph_def.library.function}


def test_a_block_is_traced_once_for_training_and_once_for_inference(module):
    """Every layer calls it: the module has two."""
    operations = Counter(node.op for function in functions(module).values() for node in function.node_def)
    assert operations["Softmax"] == 2


@pytest.mark.parametrize("task", ["encoder", "pretrainer"])
def test_no_function_saves_or_restores(modules, task):
    for name, function in functions(modules[task]).items():
        assert not {"SaveV2", "RestoreV2"} & {node.op for node in function.node_def}, name


@pytest.mark.parametrize("task", ["encoder", "pretrainer"])
def test_servers_restore_and_save_the_variables(modules, references, task, tmp_path):
    """As TensorFlow Serving does: with the operations that the file names, in the graph of TensorFlow 1."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], str(modules[task]))
        signature = meta_graph.signature_def["serving_default"]
        inputs = {
            signature.inputs[name].name: array
            for name, array in references[task].inputs.items()
            if name in signature.inputs
        }

        def run():
            return session.run({name: value.name for name, value in signature.outputs.items()}, inputs)

        first = run()
        references[task].check(first)
        saver = tf.compat.v1.train.Saver(saver_def=meta_graph.saver_def)
        path = saver.save(session, str(tmp_path / "saved"), write_meta_graph=False)
        variables = session.graph.get_operations()
        (word,) = [variable for variable in variables if variable.name == "embeddings/word"]
        zeros = np.zeros_like(session.run(tf.raw_ops.ReadVariableOp(resource=word.outputs[0], dtype=tf.float32)))
        session.run(tf.raw_ops.AssignVariableOp(resource=word.outputs[0], value=zeros))
        assert any(np.any(first[name] != value) for name, value in run().items())
        saver.restore(session, path)
        for name, value in run().items():
            np.testing.assert_array_equal(value, first[name])
    held = tf.saved_model.load(str(modules[task])).variables
    read = tf.train.load_checkpoint(path)
    saved = {key: read.get_tensor(key) for key in read.get_variable_to_shape_map()}
    for variable in held:
        assert any(np.array_equal(variable.numpy(), values) for values in saved.values()), variable.name
