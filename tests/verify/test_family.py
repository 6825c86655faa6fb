"""Encoders of BERT's family compute what the libraries that trained them do, in NumPy, Keras and ONNX graphs."""

import json

import numpy as np
import onnx
import pytest
from golden_family import GOLDENS, golden_case
from safetensors.numpy import load_file

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint, open_checkpoint
from bertferry.core.errors import UsageError
from bertferry.export import OnnxOptions, export_onnx
from bertferry.verify import ParityOptions, verify_parity
from bertferry.verify.execution import Execution
from bertferry.verify.probes import ModelLimits, standard_probes
from bertferry.verify.runners.keras_network import KerasNetworkRunner
from bertferry.verify.runners.numpy_network import NumpyNetworkRunner
from bertferry.verify.runners.onnx import OnnxRunner

FOLDERS = ("roberta_core", "roberta_mlm", "roberta_cls", "xlmr_core", "distilbert_core", "distilbert_mlm")


@pytest.fixture(params=GOLDENS)
def case(request, golden):
    return golden_case(golden, request.param)


def run(runner, case):
    """The outputs of a runner for the inputs that its task takes."""
    names = open_checkpoint(case.path, case.source).task(case.task).input_names
    return runner.run({name: case.inputs[name] for name in names})


def test_the_numpy_network_computes_the_genuine_outputs(case):
    case.check(run(NumpyNetworkRunner(open_checkpoint(case.path, case.source), case.task), case))


def test_the_keras_network_computes_the_genuine_outputs(case):
    checkpoint = open_checkpoint(case.path, case.source)
    case.check(run(KerasNetworkRunner(checkpoint, case.task, Execution()), case))


@pytest.mark.parametrize("optimize", ["none", "ort"])
def test_onnx_graphs_compute_the_genuine_outputs(case, tmp_path, optimize):
    options = OnnxOptions(task=case.task, names="tensorflow", optimize=optimize)
    export_onnx(tmp_path / "m.onnx", options, checkpoint=case.path, source=case.source)
    case.check(run(OnnxRunner(tmp_path / "m.onnx", Execution(), shares_mask=True), case))


@pytest.mark.parametrize("folder", ["hf_albert_pretrain_L2", "hf_roberta_core_L2"])
def test_a_fault_is_located(golden, tmp_path, folder):
    export_onnx(tmp_path / "m.onnx", OnnxOptions(verify=False), checkpoint=golden / folder)
    options = ParityOptions(localize=True, probes=("mixed",))
    assert verify_parity(golden / folder, [tmp_path / "m.onnx"], options).ok
    model = onnx.load(str(tmp_path / "m.onnx"))
    step = next(node for node in model.graph.node if node.output[0] == "layer_1/attention")
    step.op_type = "Sub"
    onnx.save(model, str(tmp_path / "m.onnx"))
    report = verify_parity(golden / folder, [tmp_path / "m.onnx"], options)
    assert not report.ok
    assert report.candidates[0].drift.culprit == "layer_1/attention"


def by_mask(graph, numbers):
    numbers.input[0] = "input_mask"


def by_place(graph, numbers):
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(-1), "no id"))
    next(node for node in graph.node if node.op_type == "Equal").input[1] = "no id"


@pytest.mark.parametrize("wrong", [by_mask, by_place])
def test_positions_are_counted_over_ids_whatever_the_mask_says(golden, tmp_path, wrong):
    export_onnx(
        tmp_path / "m.onnx",
        OnnxOptions(names="tensorflow", verify=False),
        checkpoint=golden / "hf_roberta_core_L2",
    )
    model = onnx.load(str(tmp_path / "m.onnx"))
    counted = next(node.input[0] for node in model.graph.node if node.op_type == "CumSum")
    wrong(model.graph, next(node for node in model.graph.node if node.output[0] == counted))
    onnx.save(model, str(tmp_path / "m.onnx"))
    assert not verify_parity(golden / "hf_roberta_core_L2", [tmp_path / "m.onnx"]).ok


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_of_transformers_come_back_bit_for_bit(golden, tmp_path, name):
    source = golden / f"hf_{name}_L2"
    convert_checkpoint(source, tmp_path / "out", ConversionOptions("huggingface"))
    got, want = load_file(tmp_path / "out/model.safetensors"), load_file(source / "model.safetensors")
    assert got.keys() == want.keys()
    for key, value in want.items():
        np.testing.assert_array_equal(got[key].view(np.uint32), value.view(np.uint32))
    written, original = (json.loads((folder / "config.json").read_text()) for folder in (tmp_path / "out", source))
    assert {key: original[key] for key in written if key in original} == written


def test_its_probes_pad_with_its_own_id(golden):
    probe = inputs_of(golden / "hf_roberta_core_L2")["left padding"]
    assert set(probe["input_word_ids"][probe["input_mask"] == 0]) == {1}


def inputs_of(folder):
    config = open_checkpoint(folder).config
    limits = ModelLimits(config.vocab_size, config.type_vocab_size, config.max_length, config.pad_id)
    assert limits.max_positions == 16
    return {probe.name: probe.inputs for probe in standard_probes(limits)}


def test_a_layout_with_another_epsilon_is_refused(golden, tmp_path):
    with pytest.raises(UsageError, match="layer_norm_eps is 1e-05, which tf1 cannot hold"):
        convert_checkpoint(golden / "hf_roberta_core_L2", tmp_path / "out", ConversionOptions("tf1"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pad_token_id": None}, "pad_token_id is None"),
        ({"pad_token_id": 30}, "pad_token_id is 30: it must be an id below vocab_size, 30"),
        ({"pad_token_id": 17}, "max_position_embeddings is 18: none is left after pad_token_id 17"),
        ({"model_type": "bert"}, "roberta: RoBERTa is not BERT"),
    ],
)
def test_a_configuration_that_leaves_positions_open_is_refused(golden, tmp_path, change, message):
    for file in (golden / "hf_roberta_mlm_L2").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(UsageError, match=message):
        open_checkpoint(tmp_path)


def test_without_a_configuration_it_is_not_guessed(golden, tmp_path):
    """No tensor shows ε and the id of padding."""
    (tmp_path / "m.safetensors").write_bytes((golden / "hf_roberta_core_L2/model.safetensors").read_bytes())
    source = SourceOptions(layout="huggingface_roberta", num_attention_heads=2, activation="gelu_erf")
    with pytest.raises(UsageError, match="no tensor shows layer_norm_eps and pad_token_id"):
        open_checkpoint(tmp_path / "m.safetensors", source)


@pytest.mark.parametrize("folder", ["hf_roberta_core_L2", "hf_distilbert_core_L2"])
@pytest.mark.parametrize("optimize", ["none", "ort"])
def test_clients_of_hugging_face_give_no_segments(golden, tmp_path, folder, optimize):
    """As in the files of optimum; those of ALBERT and ELECTRA take them."""
    options = OnnxOptions(names="huggingface", optimize=optimize)
    export_onnx(tmp_path / "m.onnx", options, checkpoint=golden / folder)
    taken = [value.name for value in onnx.load(str(tmp_path / "m.onnx")).graph.input]
    assert taken == ["input_ids", "attention_mask"]


def test_a_network_without_segments_takes_none_but_the_first(golden):
    runner = NumpyNetworkRunner(open_checkpoint(golden / "hf_distilbert_core_L2"), "encoder")
    ids = np.ones((1, 3), np.int32)
    with pytest.raises(ValueError, match="distilbert has no segments: no segment 1"):
        runner.run({"input_word_ids": ids, "input_mask": ids, "input_type_ids": ids})
