"""ONNX graphs of checkpoints: what they compute, what they contain, how they name it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from math import prod

import numpy as np
import onnx
import pytest
from closeness import assert_close
from onnx import numpy_helper

from bertferry.convert import ConversionOptions, convert_checkpoint, open_checkpoint
from bertferry.core.config import ACTIVATIONS
from bertferry.core.parameters import parameter_names, task_parameters
from bertferry.export import OnnxOptions, export_onnx
from bertferry.export.onnx import build
from bertferry.export.onnx.activations import ACTIVATION_STEPS
from bertferry.verify import ParityOptions, render, verify_parity

onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'bertferry[cpu]'")

TASKS = ("encoder", "classifier", "tokens", "span", "mlm", "pretrainer")


def run(path, inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    feeds = {value.name: inputs[value.name] for value in session.get_inputs()}
    return dict(zip(names, session.run(names, feeds), strict=True))


@pytest.mark.parametrize("optimize", ["none", "ort"])
@pytest.mark.parametrize("task", TASKS)
def test_a_graph_computes_what_tf1_computed(references, tmp_path, task, optimize):
    reference = references[task]
    report = export_onnx(
        tmp_path / "m.onnx",
        OnnxOptions(task=task, optimize=optimize, names="tensorflow"),
        checkpoint=reference.source,
    )
    assert report.verdict.startswith("AGREE on 11 probes")
    reference.check(run(tmp_path / "m.onnx", reference.inputs), "fp32-cross")


@pytest.mark.parametrize("optimize", ["none", "ort"])
@pytest.mark.parametrize("task", TASKS)
def test_a_file_holds_each_weight_once_under_known_names(references, tmp_path, task, optimize):
    source = open_checkpoint(references[task].source)
    report = export_onnx(
        tmp_path / "m.onnx",
        OnnxOptions(task=task, optimize=optimize, names="tensorflow", verify=False),
        checkpoint=references[task].source,
    )
    model = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    expected = sum(source.read(name).nbytes for name in task_parameters(source.task(task), source.config))
    weights = [one for one in model.graph.initializer if not one.name.startswith("constant_")]
    assert sum(len(one.raw_data) for one in weights) == expected == report.weight_bytes
    dimensions = {
        value.name: [one.dim_param or one.dim_value for one in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert dimensions["input_word_ids"] == dimensions["input_mask"] == ["batch", "sequence"]
    assert dimensions.get("sequence_output", ["batch", "sequence", 8]) == ["batch", "sequence", 8]
    logits = ["batch", "sequence", 5] if task == "tokens" else ["batch", 5]
    assert dimensions.get("logits", logits) == logits
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata["configuration"])["hidden_size"] == 8
    assert metadata["activation"] == "gelu_tanh"
    assert metadata["task"] == task
    assert len(metadata["source_hash"].removeprefix("sha256:")) == 64
    if optimize == "none":
        assert {node.domain for node in model.graph.node} == {""}
        tensors = {name for node in model.graph.node for name in node.output}
        assert {"embeddings", "layer_0/attention", "layer_1/attention_norm", "layer_1/output"} <= tensors


@pytest.mark.parametrize("optimize", ["none", "ort"])
@pytest.mark.parametrize("task", TASKS)
def test_half_precision_stores_half_and_stays_close(references, tmp_path, task, optimize):
    reference = references[task]
    options = {"task": task, "optimize": optimize, "names": "tensorflow"}
    full = export_onnx(tmp_path / "full.onnx", OnnxOptions(**options, verify=False), checkpoint=reference.source)
    half = export_onnx(
        tmp_path / "half.onnx", OnnxOptions(**options, precision="fp16"), checkpoint=reference.source
    )
    assert half.weight_bytes * 2 == full.weight_bytes
    assert "within fp16" in half.verdict
    model = onnx.load(tmp_path / "half.onnx")
    assert {value.type.tensor_type.elem_type for value in model.graph.output} == {onnx.TensorProto.FLOAT}
    reference.check(run(tmp_path / "half.onnx", reference.inputs), "fp16")


@pytest.mark.parametrize("optimize", ["none", "ort"])
def test_outputs_are_half_precision_only_on_request(golden, tmp_path, optimize):
    report = export_onnx(
        tmp_path / "m.onnx",
        OnnxOptions(precision="fp16", optimize=optimize, keep_io=False),
        checkpoint=golden / "tf1_core_L2",
    )
    assert "within fp16" in report.verdict
    model = onnx.load(tmp_path / "m.onnx")
    assert {value.type.tensor_type.elem_type for value in model.graph.output} == {onnx.TensorProto.FLOAT16}


@pytest.mark.parametrize("optimize", ["none", "ort"])
def test_eight_bits_are_measured_and_reported(golden, tmp_path, optimize):
    report = export_onnx(
        tmp_path / "m.onnx", OnnxOptions(precision="int8", optimize=optimize), checkpoint=golden / "tf1_core_L2"
    )
    assert re.fullmatch(
        r"NOT JUDGED on 11 probes; measured: largest difference \S+ in \w+; "
        r"lowest cosine of a text \S+; rank correlation of pairwise cosines \S+; minimum SQNR \S+ dB",
        report.verdict,
    )
    assert report.parity["judged"] is False
    assert report.parity["candidates"][0]["name"] == f"onnx {tmp_path}/m.onnx"
    model = onnx.load(tmp_path / "m.onnx")
    kinds = Counter(node.op_type for node in model.graph.node)
    assert kinds["MatMulInteger"] + kinds["DynamicQuantizeMatMul"] + kinds["QAttention"] >= 2 * 4
    assert onnx.TensorProto.INT8 in {one.data_type for one in model.graph.initializer}


def bert_of(golden, folder, layers, activation):
    """A tf1 checkpoint of random weights with the golden encoder's sizes, but another depth and activation."""
    import tensorflow as tf

    from bertferry.convert import LAYOUTS
    from bertferry.core import axes

    config = json.loads((golden / "tf1_core_L2" / "bert_config.json").read_text())
    folder.mkdir()
    values = {**config, "num_hidden_layers": layers, "activation": activation}
    (folder / "bert_config.json").write_text(json.dumps(values))
    sizes = open_checkpoint(golden / "tf1_core_L2").sizes
    rng = np.random.default_rng(layers)
    rows = list(LAYOUTS["tf1"].bind(LAYOUTS["tf1"].forms[0], layers))
    tf.raw_ops.SaveV2(
        prefix=str(folder / "bert_model.ckpt"),
        tensor_names=[row.stored for row in rows],
        shape_and_slices=[""] * len(rows),
        tensors=[tf.constant(rng.normal(size=axes.shape(row.axes, sizes)) * 0.4, tf.float32) for row in rows],
    )
    return folder


@pytest.mark.parametrize("layers", [1, 2, 6, 12])
@pytest.mark.parametrize("activation", ["gelu_tanh", "gelu_erf", "relu", "tanh", "silu"])
def test_fusion_leaves_few_operations(golden, tmp_path, layers, activation):
    source = bert_of(golden, tmp_path / "source", layers, activation)
    report = export_onnx(tmp_path / "m.onnx", OnnxOptions(optimize="ort"), checkpoint=source)
    assert report.verdict.startswith("AGREE")
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node)
    assert kinds["Attention"] == layers
    assert kinds["SkipLayerNormalization"] == 2 * layers + 1
    gelu = {"gelu_tanh": "FastGelu", "gelu_erf": "BiasGelu"}.get(activation)
    assert gelu is None or kinds[gelu] == layers
    assert not {"Einsum", "Erf"} & set(kinds)
    assert kinds.total() <= 10 * layers + 20


@pytest.mark.parametrize(
    "activation", ["gelu_10", "mish", *(pytest.param(name, marks=pytest.mark.slow) for name in ACTIVATIONS)]
)
def test_every_activation_is_exported(golden, tmp_path, activation):
    """In standard and in fused operations; the comparison is with NumPy, which computes none of them alike."""
    source = bert_of(golden, tmp_path / "source", 1, activation)
    for options in (OnnxOptions(opset=17), OnnxOptions(optimize="ort", precision="fp16")):
        report = export_onnx(tmp_path / "m.onnx", options, checkpoint=source, overwrite=True)
        assert report.verdict.startswith("AGREE")


def test_every_activation_has_its_operations():
    assert tuple(ACTIVATION_STEPS) == ACTIVATIONS


def test_two_processes_write_the_same_bytes(golden, tmp_path):
    digests = set()
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.onnx"
        code = (
            "import sys; from bertferry.export import OnnxOptions, export_onnx; "
            "export_onnx(sys.argv[1], OnnxOptions(task='pretrainer', verify=False), checkpoint=sys.argv[2])"
        )
        command = [sys.executable, "-c", code, path, golden / "tf1_pretrain_L2"]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize(("precision", "profile"), [("fp32", "fp32-cross"), ("fp16", "fp16"), ("int8", "int8")])
def test_external_data_is_written_next_to_the_file(golden, references, tmp_path, precision, profile):
    """And can be moved with it."""
    report = export_onnx(
        tmp_path / "m.onnx",
        OnnxOptions(external_data=True, precision=precision),
        checkpoint=golden / "tf1_core_L2",
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.onnx", "m.onnx.data"]
    assert report.total_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    (tmp_path / "elsewhere").mkdir()
    for path in (tmp_path / "m.onnx", tmp_path / "m.onnx.data"):
        shutil.move(path, tmp_path / "elsewhere")
    reference = references["encoder"]
    got = run(tmp_path / "elsewhere" / "m.onnx", reference.inputs)
    assert_close(got["pooled_output"], reference.outputs["pooled_output"], profile)


def test_data_too_large_for_a_message_is_written_next_to_the_file(golden, tmp_path, monkeypatch):
    """And removed when an output without external data replaces it."""
    monkeypatch.setattr(build, "PROTOBUF_LIMIT", 1000)
    export_onnx(tmp_path / "m.onnx", checkpoint=golden / "tf1_core_L2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.onnx", "m.onnx.data"]
    monkeypatch.undo()
    export_onnx(tmp_path / "m.onnx", checkpoint=golden / "tf1_core_L2", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


@pytest.mark.parametrize("optimize", ["none", "ort"])
@pytest.mark.parametrize("task", ["encoder", "mlm"])
def test_inputs_may_be_int64(references, tmp_path, task, optimize):
    reference = references[task]
    options = OnnxOptions(task=task, optimize=optimize, int64_inputs=True, verify=False)
    export_onnx(tmp_path / "m.onnx", options, checkpoint=reference.source)
    model = onnx.load(tmp_path / "m.onnx")
    assert {value.type.tensor_type.elem_type for value in model.graph.input} == {onnx.TensorProto.INT64}
    wide = {name: array.astype(np.int64) for name, array in reference.inputs.items()}
    reference.check(run(tmp_path / "m.onnx", wide), "fp32-cross")


@pytest.mark.parametrize("layout", ["keras_bert", "huggingface", "garden_v2"])
def test_any_layout_gives_the_same_weights(golden, tmp_path, layout):
    convert_checkpoint(golden / "tf1_core_L2", tmp_path / "source", ConversionOptions(to=layout))
    export_onnx(tmp_path / "a.onnx", OnnxOptions(verify=False), checkpoint=golden / "tf1_core_L2")
    export_onnx(tmp_path / "b.onnx", OnnxOptions(verify=False), checkpoint=tmp_path / "source")
    values = [
        {one.name: numpy_helper.to_array(one).tobytes() for one in onnx.load(path).graph.initializer}
        for path in (tmp_path / "a.onnx", tmp_path / "b.onnx")
    ]
    assert values[0] == values[1]


def test_sizes_of_real_weights(minilm, tmp_path):
    """MiniLM: the file is little larger than its weights, and less than a third of that in eight bits."""
    full = export_onnx(tmp_path / "full.onnx", checkpoint=minilm)
    eight = export_onnx(tmp_path / "eight.onnx", OnnxOptions(precision="int8", verify=False), checkpoint=minilm)
    weights = sum(prod(open_checkpoint(minilm).stored_info(name).shape) * 4 for name in parameter_names(6))
    assert full.weight_bytes == weights
    assert full.total_bytes <= 1.01 * weights
    assert eight.total_bytes == (tmp_path / "eight.onnx").stat().st_size <= 0.3 * full.total_bytes
    assert 0.98 * eight.total_bytes <= eight.weight_bytes < eight.total_bytes


@pytest.mark.parametrize(
    ("precision", "optimize"),
    [("fp32", "none"), ("fp32", "ort"), ("fp16", "none"), ("fp16", "ort"), ("int8", "none"), ("int8", "ort")],
)
def test_real_weights_compute_what_pytorch_computed(golden, minilm, tmp_path, precision, optimize):
    """On texts, at unmasked positions, within the profile of the precision, int8 included."""
    report = export_onnx(
        tmp_path / "m.onnx", OnnxOptions(precision=precision, optimize=optimize), checkpoint=minilm
    )
    assert report.verdict.startswith("AGREE")
    assert ("within int8 on texts" in report.verdict) == (precision == "int8")
    parity = verify_parity(
        golden / "minilm_l6_v2_reference.npz", [tmp_path / "m.onnx"], ParityOptions(positions="unmasked", seed=0)
    )
    assert parity.ok, render(parity)
    assert parity.tolerance.name == {"fp32": "fp32-cross"}.get(precision, precision)
