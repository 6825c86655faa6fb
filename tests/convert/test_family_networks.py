"""Checkpoints of the family's networks: what TensorFlow restores strictly, and what it saved."""

import json

import numpy as np
import pytest
from family import CONFIGS, save_random
from judges import networks, tf, tf_keras
from safetensors.numpy import load_file

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.command import main
from bertferry.core.errors import UsageError

CASES = [
    ("albert", "pretrainer"),
    ("albert_of_equal_sizes", "span"),
    ("electra", "classifier"),
    ("electra", "encoder"),
    ("electra_projected", "mlm"),
    ("roberta", "mlm"),
    ("roberta", "tokens"),
    ("camembert", "classifier"),
    ("distilbert", "classifier"),
    ("distilbert", "tokens"),
    ("mpnet", "encoder"),
    ("mpnet", "span"),
]
HEADS = {"encoder": (), "pretrainer": ("mlm", "nsp")}


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def converted(request, tmp_path_factory):
    """A random model of transformers, its task, and what it was converted to."""
    name, task = request.param
    folder = tmp_path_factory.mktemp("converted")
    source = save_random(CONFIGS[name], folder / "source", HEADS.get(task, (task,)))
    convert_checkpoint(source, folder / "keras", ConversionOptions("keras_bert", task=task))
    return source, task, folder / "keras"


@pytest.fixture(scope="module")
def network(converted):
    """The network of the source, with its values."""
    source, task, _ = converted
    return networks.load_network(open_checkpoint(source), task)


def assert_same_files(got, want):
    got, want = load_file(got / "model.safetensors"), load_file(want / "model.safetensors")
    assert got.keys() == want.keys()
    for name, value in want.items():
        np.testing.assert_array_equal(got[name].view(np.uint32), value.view(np.uint32), name)


def test_tensorflow_restores_every_value(converted, network):
    _, _, keras = converted
    values = network.get_weights()
    network.set_weights([np.zeros_like(value) for value in values])
    status = tf.train.Checkpoint(model=network).restore(str(keras / "bert_model.ckpt"))
    status.assert_existing_objects_matched()
    status.assert_consumed()
    for got, want in zip(network.get_weights(), values, strict=True):
        np.testing.assert_array_equal(got, want)


def test_it_comes_back_bit_for_bit(converted, tmp_path):
    source, task, keras = converted
    convert_checkpoint(keras, tmp_path / "back", ConversionOptions("huggingface", task=task))
    assert_same_files(tmp_path / "back", source)
    assert json.loads((tmp_path / "back/config.json").read_text()) == json.loads(
        (source / "config.json").read_text()
    )


def test_what_a_network_saved_is_read(converted, network, tmp_path):
    """Also inside a model of somebody's own."""
    source, task, keras = converted
    options = SourceOptions(config=str(keras / "bert_config.json"))
    holder = tf_keras.Sequential(name="around")
    holder.network = network
    for name, checkpoint in (("saved", {"model": network}), ("inside", {"mine": holder})):
        tf.train.Checkpoint(**checkpoint).save(str(tmp_path / name / "ck"))
        to = ConversionOptions("huggingface", task=task)
        convert_checkpoint(tmp_path / name, tmp_path / f"{name}-back", to, source=options)
        assert_same_files(tmp_path / f"{name}-back", source)


@pytest.mark.parametrize("name", ["electra", "electra_projected", "roberta", "mpnet"])
def test_a_file_without_a_configuration_is_not_taken_for_bert(tmp_path, name):
    source = save_random(CONFIGS[name], tmp_path / "source", ("classifier",))
    convert_checkpoint(source, tmp_path / "keras", ConversionOptions("keras_bert", task="classifier"))
    (tmp_path / "keras/bert_config.json").unlink()
    stated = SourceOptions(activation="gelu_erf")
    if name.startswith("electra"):  # whose tensors show what it is
        assert open_checkpoint(tmp_path / "keras", stated).config.architecture == "electra"
    else:
        with pytest.raises(UsageError, match=r"no configuration found.*: name one with --config FILE"):
            open_checkpoint(tmp_path / "keras", stated)


def test_a_trained_head_is_not_left_out_by_default(tmp_path, one_line):
    source = save_random(CONFIGS["roberta"], tmp_path / "source", ("classifier",))
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 2
    one_line("classifier.*give --task classifier to keep it, or --task encoder")
