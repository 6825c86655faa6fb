"""Hub modules of every architecture of the family: what they compute, how they train, what comes back of them."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub as hub
import tf_keras
from golden_family import GOLDENS, golden_case, write_random
from safetensors.numpy import load_file

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.configuration import bert_config, parse_config
from bertferry.core.errors import BertferryError, UsageError
from bertferry.core.parameters import task_parameters
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export import ModuleOptions, check_module_contract, export_hub_module
from bertferry.export.tasks import task_outputs
from bertferry.verify import ParityOptions, render, verify_parity
from bertferry.verify.runners.saved_model import HubRunner

CASES = ("hf_albert", "roberta", "mpnet")
SLOW = ("tf1_electra", "hf_generator", "roberta_cls", "xlmr", "distilbert_mlm")
"""Goldens, and a random MPNet: no package of TensorFlow computes one."""


@pytest.mark.slow
@pytest.mark.parametrize("name", GOLDENS)
def test_its_operations_compute_the_genuine_outputs(golden, name):
    case = golden_case(golden, name)
    checkpoint = open_checkpoint(case.path, case.source)
    spec = checkpoint.task(case.task)
    values = {
        parameter: tf.constant(checkpoint.read(parameter))
        for parameter in task_parameters(spec, checkpoint.config)
    }
    given = {name: tf.constant(case.inputs[name]) for name in spec.input_names}
    case.check(task_outputs(values, checkpoint.config, case.task, given)[0])


@pytest.fixture(scope="module", params=[*CASES, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def exported(request, golden, tmp_path_factory):
    """The name of a case, its checkpoint, how it is read, its task, and its module."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "mpnet":
        path, source, task = write_random(folder / "source", "mpnet"), SourceOptions(), "encoder"
    else:
        case = golden_case(golden, request.param)
        path, source, task = case.path, case.source, case.task
    report = export_hub_module(path, folder / "module", ModuleOptions(task=task), source=source)
    assert report.verdict.startswith("AGREE on 11 probes within fp32 ")
    return request.param, path, source, task, folder / "module"


def inputs(length=7, **others):
    ids = np.arange(3, 3 + 2 * length, dtype=np.int32).reshape(2, length)
    mask = np.ones_like(ids)
    mask[1, -2:] = 0
    arrays = {"input_word_ids": ids, "input_mask": mask, "input_type_ids": np.zeros_like(ids), **others}
    return {name: tf.constant(array) for name, array in arrays.items()}


def test_it_computes_the_genuine_outputs(exported, golden):
    name, _, _, task, module = exported
    if name == "mpnet":
        pytest.skip("compared with transformers in test_family_in_transformers.py, through the NumPy network")
    case = golden_case(golden, name)
    case.check(HubRunner(module, task).run(case.inputs))


def test_one_step_of_training_changes_every_weight(exported):
    *_, module = exported
    layer = hub.KerasLayer(str(module), trainable=True)
    before = [weight.numpy() for weight in layer.trainable_weights]
    with tf.GradientTape() as tape:
        outputs = layer(inputs(), training=True)
        loss = tf.add_n([tf.reduce_sum(tensor**3 + tensor**2) for tensor in tf.nest.flatten(outputs)])
    gradients = tape.gradient(loss, layer.trainable_weights)
    tf_keras.optimizers.SGD(0.01).apply_gradients(zip(gradients, layer.trainable_weights, strict=True))
    assert len(before) == len(layer.weights)
    for weight, old in zip(layer.trainable_weights, before, strict=True):
        assert "key/bias" in weight.name or not np.array_equal(weight.numpy(), old), weight.name


def test_its_source_comes_back_bit_for_bit(exported, tmp_path):
    name, path, source, task, module = exported
    original, back = open_checkpoint(path, source), open_checkpoint(module)
    assert back.config == original.config
    assert (back.layout.family, back.layout.architecture) == ("hub_module", original.layout.architecture)
    convert_checkpoint(
        module, tmp_path / "back", ConversionOptions("huggingface", None if task == "pretrainer" else task)
    )
    if original.layout.family != "huggingface":  # transformers has no such file to compare with
        again = open_checkpoint(tmp_path / "back")
        for parameter in again.match.found:
            np.testing.assert_array_equal(again.read(parameter), original.read(parameter), parameter)
        return
    got, want = load_file(tmp_path / "back/model.safetensors"), load_file(path / "model.safetensors")
    assert got.keys() == want.keys(), name
    for key, value in want.items():
        np.testing.assert_array_equal(got[key].view(np.uint32), value.view(np.uint32), key)


def test_it_is_compared_with_its_source_as_any_artifact(exported):
    """Its manifest says which inputs are valid, and at which points it can be cut."""
    *_, task, module = exported
    options = ParityOptions(task=task, localize=True, probes=("mixed", "left padding"))
    report = verify_parity(module, [f"savedmodel:{module}"], options)
    assert report.ok, render(report)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "tensor", "culprit"),
    [
        ("hf_albert_pretrain_L2", "albert.encoder.embedding_hidden_mapping_in.bias", "embeddings"),
        (
            "hf_albert_pretrain_L2",
            "albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.bias",
            "layer_0/output",
        ),
        ("hf_roberta_core_L2", "encoder.layer.1.attention.output.dense.bias", "layer_1/attention"),
    ],
)
def test_a_fault_is_located(golden, tmp_path, folder, tensor, culprit):
    from safetensors.numpy import save_file

    shutil.copytree(golden / folder, tmp_path / "source")
    weights = load_file(tmp_path / "source/model.safetensors")
    weights[tensor] += 1
    save_file(weights, tmp_path / "source/model.safetensors", metadata={"format": "pt"})
    export_hub_module(tmp_path / "source", tmp_path / "module", ModuleOptions(verify=False))
    options = ParityOptions(localize=True, probes=("mixed",))
    report = verify_parity(golden / folder, [f"hub:{tmp_path / 'module'}"], options)
    assert report.candidates[0].drift.culprit == culprit


@pytest.mark.parametrize("name", ["distilbert", "roberta"])
def test_segments_are_taken_whatever_the_encoder_makes_of_them(golden, tmp_path, name):
    export_hub_module(golden / f"hf_{name}_core_L2", tmp_path / "module", ModuleOptions(verify=False))
    layer = hub.KerasLayer(str(tmp_path / "module"))
    others = inputs(input_type_ids=np.ones((2, 7), np.int32))
    if name == "roberta":  # whose table has one row
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"= 1 is not in \[0, 1\)"):
            layer(others)
        return
    first, second = (layer(given)["sequence_output"] for given in (inputs(), others))
    np.testing.assert_array_equal(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hf_albert_pretrain_L2", "hf_roberta_core_L2", "hf_distilbert_mlm_L2"])
def test_the_contract_is_kept(golden, tmp_path, name):
    """By ALBERT, too, which was trained without dropout."""
    export_hub_module(golden / name, tmp_path / "module", ModuleOptions(verify=False))
    faults = [finding.line for finding in check_module_contract(tmp_path / "module").findings if finding.fault]
    assert faults == ["contains its vocabulary and casing"]  # the golden has none


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
@pytest.mark.parametrize("architecture", ["albert", "electra", "roberta", "distilbert", "mpnet"])
def test_half_precision(tmp_path, architecture, precision):
    source = write_random(tmp_path / "source", architecture, ("mlm",))
    report = export_hub_module(source, tmp_path / "module", ModuleOptions(task="mlm", precision=precision))
    assert report.verdict.startswith(f"AGREE on 11 probes within {precision} ")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["albert", "electra", "camembert", "distilbert", "mpnet"])
@pytest.mark.parametrize("head", ["classifier", "tokens", "span"])
def test_heads_with_inner_outputs(tmp_path, architecture, head):
    source = write_random(tmp_path / "source", architecture, (head,))
    options = ModuleOptions(task=head, inner=("hidden_states", "attentions"))
    report = export_hub_module(source, tmp_path / "module", options)
    assert report.verdict.startswith("AGREE on 11 probes within fp32 ")
    convert_checkpoint(tmp_path / "module", tmp_path / "back", ConversionOptions("huggingface", head))
    got, want = (load_file(folder / "model.safetensors") for folder in (tmp_path / "back", source))
    unused = {name for name in want if ".pooler." in name and head != "classifier"}  # of ALBERT's files
    assert got.keys() == want.keys() - unused
    assert all(np.array_equal(got[name].view(np.uint32), want[name].view(np.uint32)) for name in got)


@pytest.mark.parametrize("choice", ["first:1", "first:2"])
def test_blocks_that_share_their_weights_are_frozen_together(golden, tmp_path, choice):
    with pytest.raises(UsageError, match=f"--freeze {choice}: all blocks share their weights"):
        export_hub_module(golden / "hf_albert_pretrain_L2", tmp_path / "module", ModuleOptions(freeze=(choice,)))


@pytest.fixture(scope="module")
def tuned(golden, tmp_path_factory):
    """Models of Keras around a module of RoBERTa, whose variables are BERT's but for their names."""
    folder = tmp_path_factory.mktemp("tuned")
    export_hub_module(golden / "hf_roberta_core_L2", folder / "module", ModuleOptions(verify=False))
    taken = {name: tf_keras.Input((8,), dtype="int32", name=name) for name in ENCODER_INPUTS}
    layer = hub.KerasLayer(str(folder / "module"), trainable=True)
    model = tf_keras.Model(taken, tf_keras.layers.Dense(2)(layer(taken)["pooled_output"]))
    for variable in layer.variables:
        variable.assign(variable * 1.01)
    model.save(str(folder / "model.keras"))
    tf.saved_model.save(model, str(folder / "saved"))
    return folder


@pytest.mark.filterwarnings("ignore:.*")  # from Keras, about its own formats
@pytest.mark.parametrize(("name", "config"), [("model.keras", None), ("saved", "module/MANIFEST.json")])
def test_a_fine_tuned_encoder_comes_back(golden, tuned, name, config):
    back = open_checkpoint(tuned / name, SourceOptions(config=tuned / config if config else None))
    original = open_checkpoint(golden / "hf_roberta_core_L2")
    assert back.config == original.config
    for parameter in original.match.found:
        np.testing.assert_array_equal(back.read(parameter), original.read(parameter) * np.float32(1.01))


def test_without_a_configuration_it_is_not_taken_for_bert(tuned):
    with pytest.raises(BertferryError, match="roberta: RoBERTa is not BERT"):
        open_checkpoint(tuned / "saved", SourceOptions(activation="gelu_erf"))


def test_a_padding_id_of_zero_is_told(golden, tmp_path):
    """RoBERTa's is 1 unless its configuration says otherwise; positions depend on it."""
    shutil.copytree(golden / "hf_roberta_core_L2", tmp_path / "source")
    config = json.loads((tmp_path / "source/config.json").read_text())
    (tmp_path / "source/config.json").write_text(json.dumps({**config, "pad_token_id": 0}))
    written = bert_config(open_checkpoint(tmp_path / "source").config)  # as in a manifest
    assert parse_config(written, "tensorflow").pad_id == 0
