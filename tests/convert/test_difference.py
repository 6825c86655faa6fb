"""--diff: equality across layouts, and the size of differences."""

import json
import shutil

import numpy as np
import pytest
from judges import tf

from bertferry.convert import (
    ConversionOptions,
    SourceOptions,
    convert_checkpoint,
    diff_checkpoints,
    open_checkpoint,
)
from bertferry.convert.command import main


@pytest.fixture
def changed(golden, tmp_path):
    """The golden encoder in another layout, with tensors changed by a function."""

    def write(change, **configuration):
        folder = tmp_path / "changed"
        convert_checkpoint(golden / "tf1_core_L2", folder, ConversionOptions(to="tf1"), overwrite=True)
        reader = tf.train.load_checkpoint(str(folder / "bert_model.ckpt"))
        tensors = {name: np.array(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map()}
        change(tensors)
        tf.raw_ops.SaveV2(
            prefix=str(folder / "bert_model.ckpt"),
            tensor_names=list(tensors),
            shape_and_slices=[""] * len(tensors),
            tensors=[tf.constant(value) for value in tensors.values()],
        )
        config = json.loads((folder / "bert_config.json").read_text())
        (folder / "bert_config.json").write_text(json.dumps({**config, **configuration}))
        return folder

    return write


def test_the_same_weights_are_equal_in_every_layout(golden, capsys):
    for other in ("tf_20_model_L2_2D_20", "keras_bert_L2_21", "garden2.20.0_L2_V2", "keras_core_heads2_L2"):
        assert main(["--diff", str(golden / "tf1_core_L2"), str(golden / other)]) == 0
        assert capsys.readouterr().out.endswith("EQUAL: 39 parameters equal bit for bit\n")


def test_one_changed_element_is_found_with_its_place_and_size(golden, changed, capsys):
    def nudge(tensors):
        tensors["bert/encoder/layer_1/attention/self/key/kernel"][2, 5] += 0.25

    other = changed(nudge)
    difference = diff_checkpoints(golden / "keras_bert_L2_21", other)
    (row,) = difference.parameters
    assert row.parameter == "encoder/1/attention/key/kernel"
    assert row.max_abs == pytest.approx(0.25)
    assert "1 of 64 elements differ" in row.what
    assert "at [2, 1, 1]" in row.what  # the fifth of eight columns is the second head's second
    assert not difference.equal
    assert main(["--diff", str(golden / "keras_bert_L2_21"), str(other)]) == 1
    assert "DIFFERENT: 1 parameters differ, 38 parameters equal" in capsys.readouterr().out


def test_nan_and_signed_zero_count_as_bits(golden, changed):
    def damage(tensors):
        tensors["bert/pooler/dense/bias"][0] = np.nan

    difference = diff_checkpoints(golden / "tf1_core_L2", changed(damage))
    (row,) = difference.parameters
    assert row.max_abs == np.inf
    stored = json.loads(difference.to_json(), parse_constant=pytest.fail)  # JSON has no Infinity
    assert stored["parameters"][0]["max_abs"] == "inf"


def test_parameters_of_one_side_and_other_shapes_are_named(golden):
    difference = diff_checkpoints(golden / "tf1_core_L2", golden / "tf1_cls_L2")
    assert {row.what for row in difference.parameters if row.parameter.startswith("classifier/")} == {"only in B"}
    other = diff_checkpoints(golden / "tf1_core_L2", golden / "third_party_keras_bert")
    whats = {row.parameter: row.what for row in other.parameters}
    assert whats["embeddings/word"] == "shape [30, 8] in A, [15, 4] in B"
    assert other.configuration["hidden_size"] == (8, 4)


def test_another_activation_is_a_difference_though_no_tensor_shows_it(golden, changed, capsys):
    other = changed(lambda tensors: None, activation="gelu_erf")
    assert main(["--diff", str(golden / "tf1_core_L2"), str(other), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["parameters"] == []
    assert report["configuration"] == {"activation": ["gelu_tanh", "gelu_erf"]}


def test_a_missing_side_is_one_line(golden, one_line):
    assert main(["--diff", str(golden / "tf1_core_L2"), "nowhere"]) == 2
    one_line("nowhere: no such checkpoint")


@pytest.mark.parametrize("source", ["tf1_core_L2", "tf_20_model_L2_2D_20", "keras_bert_L2_21", "garden2.20.0_L2"])
def test_a_configuration_is_inferred_where_the_tensors_show_it(golden, tmp_path, source, one_line):
    shutil.copytree(golden / source, tmp_path / "source")
    (tmp_path / "source" / "bert_config.json").unlink()
    heads_shown = source in ("keras_bert_L2_21", "garden2.20.0_L2")
    assert main(["--input", str(tmp_path / "source"), "--inspect"]) == 2
    asked = "" if heads_shown else "--num-attention-heads N and "
    one_line(f"the tensors show only the sizes: give {asked}--activation NAME, or --config FILE")
    heads = None if heads_shown else 2
    options = SourceOptions(num_attention_heads=heads, activation="gelu_tanh")
    checkpoint = open_checkpoint(tmp_path / "source", options)
    assert checkpoint.config == open_checkpoint(golden / source).config
    assert set(checkpoint.parameters) == set(open_checkpoint(golden / source).parameters)


def test_missing_heads_are_started_fresh_only_on_request(golden, tmp_path, one_line):
    arguments = ["--input", str(golden / "tf1_core_L2"), "--output", str(tmp_path / "out"), "--task", "classifier"]
    assert main([*arguments, "--init-missing-head"]) == 2
    one_line("a classifier that is initialized requires its number of classes: give --num-labels N")
    report = convert_checkpoint(
        golden / "tf1_core_L2",
        tmp_path / "out",
        ConversionOptions(task="classifier", init_missing_head=True, num_labels=4),
    )
    assert [row.parameter for row in report.tensors if row.bytes == "initialised"] == [
        "classifier/kernel",
        "classifier/bias",
    ]
    written = open_checkpoint(tmp_path / "out")
    assert not written.read("classifier/bias").any()
    kernel = written.read("classifier/kernel")
    assert kernel.shape == (8, 4)
    assert 0.005 < kernel.std() < 0.04
    assert np.abs(kernel).max() <= 0.04
    again = convert_checkpoint(
        golden / "tf1_core_L2",
        tmp_path / "again",
        ConversionOptions(task="classifier", init_missing_head=True, num_labels=4),
    )
    assert again.tensors == report.tensors
    assert diff_checkpoints(tmp_path / "out", tmp_path / "again").equal


def test_a_value_that_does_not_fit_its_new_type_is_refused(golden, changed, tmp_path, one_line):
    def enlarge(tensors):
        tensors["bert/pooler/dense/bias"][3] = 1e6

    source = changed(enlarge)
    assert main(["--input", str(source), "--output", str(tmp_path / "out"), "--dtype", "float16"]) == 1
    one_line("pooler/bias: 1e[+]06 does not fit into float16 [(]at most 65504[)]: choose another --dtype")
    assert not (tmp_path / "out").exists()
