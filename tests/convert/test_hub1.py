"""TF1-format Hub modules are read like checkpoints; what no tensor shows is read from their graph."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from closeness import assert_close
from judges import skip_without

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.convert.bundle import SavedModelMessage
from bertferry.convert.checkpoint import same_bits
from bertferry.convert.command import main
from bertferry.convert.graph_facts import GraphFacts, read_graph_facts

TWINS = {"hub1_core_L2": "tf1_core_L2", "hub1_mlm_L2": "tf1_pretrain_L2"}


@pytest.mark.parametrize("name", TWINS)
def test_every_tensor_equals_its_twin(golden, name):
    checkpoint, twin = open_checkpoint(golden / name), open_checkpoint(golden / TWINS[name])
    assert set(twin.parameters) - set(checkpoint.parameters) <= {"nsp/kernel", "nsp/bias"}
    assert checkpoint.config == twin.config
    assert all(same_bits(checkpoint.read(each), twin.read(each)) for each in checkpoint.parameters)


def test_two_graphs_agree_on_one_layer(golden):
    checkpoint, twin = open_checkpoint(golden / "hub1_train_L1"), open_checkpoint(golden / "tf1_core_L2")
    assert checkpoint.config.num_layers == 1
    assert all(same_bits(checkpoint.read(each), twin.read(each)) for each in checkpoint.parameters)


@pytest.mark.parametrize(("name", "lower"), [("hub1_core_L2", True), ("hub1_mlm_L2", False)])
def test_the_casing_is_that_of_the_graph(golden, tmp_path, name, lower):
    assert main(["--input", str(golden / name), "--output", str(tmp_path / "out"), "--to", "huggingface"]) == 0
    assert json.loads((tmp_path / "out/tokenizer_config.json").read_text())["do_lower_case"] is lower


def test_what_is_given_precedes_the_graph(golden):
    options = SourceOptions(activation="gelu_erf")
    assert open_checkpoint(golden / "hub1_core_L2", options).config.activation == "gelu_erf"


@pytest.fixture
def graph(golden, tmp_path):
    """A module with one block, a function to change its graph, and its path."""
    source = Path(shutil.copytree(golden / "hub1_train_L1", tmp_path / "source"))
    path = source / "saved_model.pb"

    def change(edit):
        model = SavedModelMessage.FromString(path.read_bytes())
        for meta_graph in model.meta_graphs:
            for node in meta_graph.graph.node:
                edit(node)
        path.write_bytes(model.SerializeToString())
        return source

    return change


def constant(name, **values):
    def edit(node):
        if node.name.endswith(name):
            tensor = next(entry.value.tensor for entry in node.attr if entry.key == "value")
            for field, value in values.items():
                getattr(tensor, field)[:] = [value]

    return edit


def operation(old, new):
    def edit(node):
        if "/intermediate/dense/" in node.name and node.op == old:
            node.op = new

    return edit


@pytest.mark.parametrize(("op", "activation"), [("Erf", "gelu_erf"), ("Relu", "relu")])
def test_the_activation_is_that_of_the_graph(graph, op, activation):
    assert open_checkpoint(graph(operation("Tanh", op))).config.activation == activation


def test_the_epsilon_is_that_of_the_graph(graph):
    changed = graph(constant("LayerNorm/batchnorm/add/y", float_val=1e-5))
    assert open_checkpoint(changed).config.layer_norm_eps == 1e-5


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (constant("attention/self/Mul/y", float_val=1.0), "its attention is not scaled as BERT's is"),
        (constant("embeddings/LayerNorm/batchnorm/add/y", float_val=1e-5), r"its layers differ in y: \[9.99"),
        (constant("attention/self/Reshape/shape/2", int_val=4), r"its layers differ in 2: \[2.0, 4.0\]"),
        (operation("Tanh", "Softplus"), "its activation is none of BERT's"),
    ],
)
def test_a_graph_that_computes_something_else_is_refused(graph, tmp_path, one_line, edit, text):
    code = main(["--input", str(graph(edit)), "--output", str(tmp_path / "out")])
    assert code in (1, 2)
    one_line(f"saved_model.pb: {text}")


def test_a_damaged_graph_is_named(graph, tmp_path, one_line):
    source = graph(lambda node: None)
    (source / "saved_model.pb").write_bytes(b"\xff" * 100)
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 1
    one_line("saved_model.pb: not a readable SavedModel")


def test_a_graph_without_bert_tells_nothing(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(SavedModelMessage().SerializeToString())
    assert read_graph_facts(tmp_path / "saved_model.pb") == GraphFacts()


def test_it_computes_what_the_module_computed(golden):
    skip_without("tensorflow", "tf_keras")
    from bertferry.convert.loading import load_network

    with np.load(golden / "hub1_train_L1.npz") as stored:
        network = load_network(open_checkpoint(golden / "hub1_train_L1"))
        outputs = network([stored["ids"], stored["mask"], stored["seg"]])
        for name, output in zip(("seq", "pooled"), outputs, strict=True):
            assert_close(output, stored[name])
