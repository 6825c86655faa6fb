"""Models without a pooler, as transformers has them since 2020, are what they are everywhere."""

import json

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import tensorflow_hub as hub
from closeness import assert_close
from judges import skip_without
from safetensors.numpy import load_file, save_file

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.command import main as convert
from bertferry.convert.loading import load_network
from bertferry.core.errors import DataError
from bertferry.core.tasks import TASKS
from bertferry.export import ModuleOptions, OnnxOptions, export_hub_module, export_onnx
from bertferry.export.contract_lines import ModuleSubject, check_dict_call, check_sequence_call, check_signature
from bertferry.verify import ParityOptions, verify_parity
from bertferry.verify.runners.saved_model import load_saved_model

TF_TARGETS = ("tf1", "keras_bert", "tf_20", "garden_v1", "garden_v2", "keras_names")


@pytest.fixture(scope="module")
def without(golden, tmp_path_factory):
    """The golden encoder and masked-LM model as transformers saves them without a pooler, by task."""
    folders = {}
    for task, source in (("encoder", "tf1_core_L2"), ("mlm", "tf1_pretrain_L2")):
        folder = folders[task] = tmp_path_factory.mktemp(task) / "m"
        convert_checkpoint(golden / source, folder, ConversionOptions(to="huggingface", task=task))
        tensors = load_file(folder / "model.safetensors")
        kept = {key: value for key, value in tensors.items() if "pooler" not in key}
        save_file(kept, folder / "model.safetensors")
    return folders


@pytest.fixture(scope="module")
def module(without, tmp_path_factory):
    """The encoder's Hub module, and the report of its export."""
    folder = tmp_path_factory.mktemp("module") / "module"
    return folder, export_hub_module(without["encoder"], folder)


@pytest.fixture
def expected(golden, golden_inputs):
    """The inputs and the sequence output of TF 1.15.5."""
    with np.load(golden / "tf1_core_L2.npz") as stored:
        return golden_inputs, stored["seq"]


def test_the_network_has_the_sequence_alone(without, expected):
    inputs, sequence = expected
    network = load_network(open_checkpoint(without["encoder"]))
    assert_close(network(list(inputs.values())), sequence)
    assert not any("pooler" in variable.name for variable in network.variables)


@pytest.mark.parametrize("to", TF_TARGETS)
def test_a_target_that_must_have_one_says_so(without, tmp_path, capfd, to):
    assert convert(["--input", str(without["encoder"]), "--output", str(tmp_path / "out"), "--to", to]) == 1
    assert "missing pooler/kernel, pooler/bias (required by" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("task", "kind"), [("encoder", "BertModel"), ("mlm", "BertForMaskedLM")])
def test_to_transformers_nothing_is_missing(without, tmp_path, task, kind):
    report = convert_checkpoint(without[task], tmp_path / "out", ConversionOptions(to="huggingface"))
    assert report.heads == TASKS[task].heads
    assert (
        load_file(tmp_path / "out/model.safetensors").keys()
        == load_file(without[task] / "model.safetensors").keys()
    )
    assert json.loads((tmp_path / "out/config.json").read_text())["architectures"] == [kind]


def test_a_module_returns_the_sequence_alone(module, expected):
    folder, report = module
    inputs, sequence = expected
    assert report.verdict.startswith("AGREE")
    layer = hub.KerasLayer(str(folder), trainable=True)
    outputs = layer(inputs)
    assert outputs.keys() == {"sequence_output", "encoder_outputs", "default"}
    assert_close(outputs["default"], sequence)
    assert_close(layer(list(inputs.values()))[0], sequence)
    subject = ModuleSubject.of(folder, load_saved_model(folder))
    check_dict_call(subject, tf.int32, training=False)
    check_sequence_call(subject, list, tf.int32, training=False)
    check_signature(subject)
    assert "sequence_output" in (folder / "README.md").read_text()
    assert "pooled_output" not in (folder / "README.md").read_text()


def test_a_module_is_read_back(module, expected):
    checkpoint = open_checkpoint(module[0], SourceOptions())
    assert checkpoint.task("encoder").output_names == ("sequence_output",)
    with pytest.raises(DataError, match="missing pooler/kernel, pooler/bias"):
        export_hub_module(None, module[0].parent / "x", ModuleOptions(task="pretrainer"), module=module[0])


@pytest.mark.parametrize("optimize", ["none", "ort"])
@pytest.mark.parametrize("task", ["encoder", "mlm"])
def test_a_graph_has_the_sequence_alone(without, tmp_path, optimize, task):
    path = tmp_path / "m.onnx"
    report = export_onnx(path, OnnxOptions(task, optimize=optimize, names="tensorflow"), checkpoint=without[task])
    assert report.verdict.startswith("AGREE")
    outputs = [output.name for output in onnxruntime.InferenceSession(str(path)).get_outputs()]
    assert outputs == ["sequence_output", *(["mlm_logits"] if task == "mlm" else [])]


def test_a_pooler_may_still_be_initialized(without, tmp_path):
    options = ModuleOptions(init_missing_head=True, verify=False)
    report = export_hub_module(without["encoder"], tmp_path / "module", options)
    assert report.fresh_parameters == ("pooler/kernel", "pooler/bias")


def test_a_head_on_the_pooler_needs_one(without, tmp_path):
    with pytest.raises(DataError, match=r"missing pooler/kernel, pooler/bias, nsp"):
        export_onnx(tmp_path / "m.onnx", OnnxOptions("pretrainer"), checkpoint=without["mlm"])


@pytest.mark.parametrize("task", ["encoder", "mlm"])
def test_transformers_agree(without, task):
    skip_without("torch", "transformers")
    report = verify_parity(str(without[task]), [f"huggingface:{without[task]}"], ParityOptions(task=task))
    assert report.ok
