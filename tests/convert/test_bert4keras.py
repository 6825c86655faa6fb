"""`save_weights` of bert4keras: its layers, found by their numbers."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from bertferry.convert import LAYOUTS, open_checkpoint
from bertferry.convert.checkpoint import same_bits
from bertferry.convert.chunks import bytes_of
from bertferry.convert.command import main
from bertferry.convert.writers.content import TensorContent
from bertferry.convert.writers.tensorflow import write_objects


def save(golden, folder, rename=lambda name: name):
    """Writes the golden encoder as a model of bert4keras saves it, under the variables' names there."""
    source = open_checkpoint(golden / "tf1_core_L2")
    layout = LAYOUTS["bert4keras"]
    rows = [
        replace(row, stored=rename(row.stored), variable=f"Embedding-Token/{number}")
        for number, row in enumerate(layout.bind(layout.forms[0], source.config.num_layers, ""))
    ]
    contents = [
        TensorContent(row.stored, value.dtype.name, value.shape, [bytes_of(value)])
        for row in rows
        for value in [source.read(row.parameter, row.axes)]
    ]
    write_objects(folder / "bert_model.weights", rows, contents, {})
    shutil.copy(golden / "tf1_core_L2/bert_config.json", folder)


def test_every_tensor_is_found_by_its_layer(golden, tmp_path):
    save(golden, tmp_path)
    checkpoint, expected = open_checkpoint(tmp_path), open_checkpoint(golden / "tf1_core_L2")
    assert checkpoint.layout.name == "bert4keras"
    assert checkpoint.stored_name("encoder/1/output/kernel") == "layer_with_weights-10/o_dense/kernel"
    assert set(checkpoint.parameters) == set(expected.parameters)
    for parameter in expected.parameters:
        assert same_bits(np.ascontiguousarray(checkpoint.read(parameter)), expected.read(parameter))


@pytest.mark.parametrize("target", ["keras_bert", "tf1", "huggingface"])
def test_it_converts(golden, tmp_path, target):
    (tmp_path / "in").mkdir()
    save(golden, tmp_path / "in")
    for number, source in enumerate((tmp_path / "in", golden / "tf1_core_L2")):
        arguments = ["--input", str(source), "--output", str(tmp_path / str(number)), "--to", target]
        assert main(arguments) == 0
    written, expected = open_checkpoint(tmp_path / "0"), open_checkpoint(tmp_path / "1")
    assert all(same_bits(written.read(name), expected.read(name)) for name in expected.parameters)


def test_another_model_of_bert4keras_names_the_way_out(golden, tmp_path, one_line):
    """NEZHA and others have no table of positions, so that all numbers differ."""
    save(golden, tmp_path, lambda name: name.replace("layer_with_weights-2/", "layer_with_weights-20/"))
    config = tmp_path / "bert_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "num_hidden_layers": 3}))
    assert main(["--input", str(tmp_path), "--output", str(tmp_path / "out")]) == 1
    one_line("it is of bert4keras: write it with bert.save_weights_as_checkpoint")
