"""ONNX graphs of every architecture of BERT's family: both forms, all precisions, and every head of its files."""

from dataclasses import replace
from math import prod

import numpy as np
import onnx
import pytest
from closeness import assert_close
from onnx import TensorProto
from random_checkpoint import values, write

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.convert.layouts import WRITTEN
from bertferry.core.architectures import ARCHITECTURES
from bertferry.core.config import EncoderConfig
from bertferry.core.parameters import task_parameters
from bertferry.core.tasks import GRAPH_TASKS, HEADS
from bertferry.export import OnnxOptions, export_onnx
from bertferry.export.onnx import exporter
from bertferry.export.onnx.options import OPSETS
from bertferry.verify import ParityOptions, render, verify_parity

onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'bertferry[cpu]'")
LAYOUTS = {layout.architecture: layout for layout in WRITTEN if layout.family == "huggingface"}
SIZES = EncoderConfig(
    vocab_size=30,
    hidden_size=8,
    num_layers=3,
    num_attention_heads=2,
    intermediate_size=12,
    max_position_embeddings=18,
    type_vocab_size=2,
    activation="gelu_erf",
)
OTHERS = ("albert", "electra", "roberta", "distilbert", "mpnet")
"""Those that compute something of their own."""
FORMS = {
    (one.name, heads): LAYOUTS[one.tables]
    for one in ARCHITECTURES.values()
    if one.name in ("bert", *OTHERS)
    for heads in dict.fromkeys(form.heads for form in LAYOUTS[one.tables].forms if form.written)
    if heads
}
"""Every architecture with the heads that a file of transformers can have."""


def config_of(architecture):
    switches = ARCHITECTURES[architecture]
    segments = 2 if switches.takes_segments else 1
    config = replace(SIZES, architecture=architecture, pad_id=switches.pad_id, type_vocab_size=segments)
    return config if switches.projection == "never" else replace(config, embedding_size=6)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Writes a random checkpoint once, with heads or without."""
    folder = tmp_path_factory.mktemp("family")

    def find(architecture, heads=()):
        config, layout = config_of(architecture), LAYOUTS[ARCHITECTURES[architecture].tables]
        at = folder / "-".join((architecture, *heads))
        if not at.exists():
            classes = (
                {"classes": 3}
                if any("classes" in " ".join(HEADS[head].parameters.values()) for head in heads)
                else {}
            )
            drawn = values(config, spread=0.3, layout=layout, heads=heads, **classes)
            write(at, config, drawn, layout, heads, **classes)
        return at

    return find


@pytest.mark.slow
@pytest.mark.parametrize("optimize", ["none", "ort"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "int8"])
@pytest.mark.parametrize("architecture", OTHERS)
def test_an_encoder_is_exported_and_compared(
    checkpoints, tmp_path, monkeypatch, architecture, precision, optimize
):
    if (precision, optimize) == ("bf16", "ort"):
        pytest.skip("ONNX Runtime's operations have no bfloat16: refused")
    monkeypatch.setattr(exporter, "check_provider", lambda precision: None)  # bf16 is for another provider
    options = OnnxOptions(precision=precision, optimize=optimize)
    report = export_onnx(tmp_path / "m.onnx", options, checkpoint=checkpoints(architecture))
    assert report.verdict.startswith("NOT JUDGED" if precision == "int8" else "AGREE"), report.verdict


@pytest.mark.parametrize("optimize", ["none", "ort"])
@pytest.mark.parametrize("architecture", OTHERS)
def test_every_weight_is_in_the_file_once(checkpoints, tmp_path, architecture, optimize):
    """The block that ALBERT's layers share, too."""
    source = checkpoints(architecture, ("mlm",))
    options = OnnxOptions(task="mlm", names="tensorflow", optimize=optimize, verify=False)
    export_onnx(tmp_path / "m.onnx", options, checkpoint=source)
    stored = [tensor for tensor in onnx.load(tmp_path / "m.onnx").graph.initializer if tensor.data_type == 1]
    weights = sum(prod(tensor.dims) for tensor in stored if "/" in tensor.name)
    checkpoint = open_checkpoint(source)
    used = task_parameters(checkpoint.task("mlm"), checkpoint.config)
    assert weights == sum(prod(checkpoint.stored_info(name).shape) for name in used)


@pytest.mark.parametrize("optimize", ["none", "ort"])
@pytest.mark.parametrize("architecture", ["albert", "roberta", "mpnet"])
def test_eight_bits_keep_the_kernels_of_averaged_values(checkpoints, tmp_path, architecture, optimize):
    options = OnnxOptions(precision="int8", optimize=optimize, verify=False)
    export_onnx(tmp_path / "m.onnx", options, checkpoint=checkpoints(architecture))
    stored = onnx.load(tmp_path / "m.onnx").graph.initializer
    blocks = 1 if architecture == "albert" else SIZES.num_layers
    floats = [tensor.name for tensor in stored if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2]
    averaged = [name for name in floats if name.endswith(("value/kernel", "kernel/value"))]
    assert len(averaged) == blocks
    assert not [name for name in floats if "kernel" in name and name not in averaged]


@pytest.mark.slow
@pytest.mark.parametrize(("names", "optimize"), [("tensorflow", "ort"), ("huggingface", "none")])
@pytest.mark.parametrize(
    ("architecture", "heads"), FORMS, ids=lambda value: value if isinstance(value, str) else "+".join(value)
)
def test_every_head_of_its_files_is_exported_and_compared(
    checkpoints, tmp_path, architecture, heads, names, optimize
):
    task = next(name for name, spec in GRAPH_TASKS.items() if spec.heads == heads)
    options = OnnxOptions(task=task, names=names, optimize=optimize)
    report = export_onnx(tmp_path / "m.onnx", options, checkpoint=checkpoints(architecture, heads))
    assert report.verdict.startswith("AGREE"), report.verdict
    assert ("token_type_ids" in report.inputs) == (
        names == "huggingface" and ARCHITECTURES[architecture].takes_segments
    )
    if len(heads) == 1 and names == "huggingface":
        assert report.outputs == (("start_logits", "end_logits") if heads == ("span",) else ("logits",))


@pytest.mark.slow
@pytest.mark.parametrize("opset", [OPSETS[0], 20, OPSETS[-1]])
@pytest.mark.parametrize("architecture", ["albert", "mpnet"])
@pytest.mark.parametrize("optimize", ["none", "ort"])
def test_opsets_run(checkpoints, tmp_path, architecture, opset, optimize):
    options = OnnxOptions(opset=opset, optimize=optimize, inner=("hidden_states", "attentions"))
    report = export_onnx(tmp_path / "m.onnx", options, checkpoint=checkpoints(architecture))
    assert report.verdict.startswith("AGREE"), report.verdict
    assert len(report.outputs) == 2 + 2 * SIZES.num_layers + 1


@pytest.mark.parametrize("optimize", ["none", "ort"])
@pytest.mark.parametrize("architecture", ["albert", "distilbert", "roberta"])
def test_embeddings_are_pooled_in_the_graph(checkpoints, tmp_path, architecture, optimize):
    stated = SourceOptions(pooling="mean", normalize=True)
    options = OnnxOptions(task="embeddings", optimize=optimize)
    source = checkpoints(architecture)
    report = export_onnx(tmp_path / "m.onnx", options, checkpoint=source, source=stated)
    assert report.verdict.startswith("AGREE"), report.verdict
    assert report.outputs == ("sentence_embedding",)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", OTHERS)
@pytest.mark.parametrize("optimize", ["none", "ort"])
def test_nothing_drifts_from_the_network_in_numpy(checkpoints, tmp_path, architecture, optimize):
    source = checkpoints(architecture)
    options = OnnxOptions(optimize=optimize, verify=False)
    export_onnx(tmp_path / "m.onnx", options, checkpoint=source)
    report = verify_parity(source, [tmp_path / "m.onnx"], ParityOptions(localize=True))
    assert report.ok, render(report)
    drift = report.candidates[0].drift
    assert drift.culprit == ""
    assert {point.point for point in drift.points} >= {"embeddings", "layer_2/attention_norm", "layer_2/output"}


@pytest.mark.parametrize("architecture", ["roberta", "electra"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_clients_of_hugging_face_give_the_choices_of_a_question_together(
    checkpoints, tmp_path, architecture, precision
):
    """The scores of a question are those of its choices alone, as in the graph that takes them as rows."""
    source = checkpoints(architecture, ("choice",))
    rng = np.random.default_rng(0)
    ids, mask = rng.integers(4, 30, (2, 3, 5)), np.ones((2, 3, 5), np.int64)
    scores = {}
    for names in ("huggingface", "tensorflow"):
        path = tmp_path / f"{names}.onnx"
        options = OnnxOptions(task="choice", names=names, int64_inputs=True, precision=precision, verify=False)
        export_onnx(path, options, checkpoint=source)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        shape = ids.shape if names == "huggingface" else (6, 5)
        given = {"type": np.zeros(shape, np.int64), "mask": mask.reshape(shape), "ids": ids.reshape(shape)}
        feeds = {
            value.name: given[next(key for key in given if key in value.name)] for value in session.get_inputs()
        }
        scores[names] = session.run(["logits"], feeds)[0]
    assert scores["huggingface"].shape == (2, 3)
    assert_close(scores["huggingface"].reshape(-1, 1), scores["tensorflow"], precision)
    if precision == "fp32":
        assert verify_parity(source, [tmp_path / "huggingface.onnx"], ParityOptions(task="choice")).ok


def test_choices_of_other_questions_are_noticed(checkpoints, tmp_path):
    source = checkpoints("distilbert", ("choice",))
    export_onnx(tmp_path / "m.onnx", OnnxOptions(task="choice", names="huggingface"), checkpoint=source)
    model = onnx.load(tmp_path / "m.onnx")
    last = next(node for node in model.graph.node if node.output[0] == "logits")
    turned = onnx.helper.make_node("Transpose", ["logits/turned"], ["logits/turned/back"], perm=[1, 0])
    model.graph.node.extend(
        [turned, onnx.helper.make_node("Reshape", ["logits/turned/back", last.input[1]], ["logits"])]
    )
    last.output[0] = "logits/turned"
    onnx.save(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    assert [len(value.shape) for value in session.get_inputs()] == [3, 3]
    assert not verify_parity(source, [tmp_path / "m.onnx"], ParityOptions(task="choice")).ok
