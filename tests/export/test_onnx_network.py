"""The description of the network: opsets, emulation of half precision, and that every fault in it is noticed."""

import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bertferry.core.onnx_files.emulate import emulate_half
from bertferry.export import OnnxOptions, export_onnx
from bertferry.export.onnx import fused, plain
from bertferry.export.onnx.builder import GraphBuilder
from bertferry.export.onnx.command import main
from bertferry.export.onnx.options import DEFAULT_OPSET, OPSETS

onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'bertferry[cpu]'")
CORE = "tf1_core_L2"


def run(model, inputs):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    feeds = {value.name: inputs[value.name] for value in session.get_inputs()}
    return dict(zip(names, session.run(names, feeds), strict=True))


class TestOpsets:
    def test_the_default_is_the_oldest(self):
        assert OPSETS[0] == DEFAULT_OPSET == 17
        assert onnx.defs.get_schema("LayerNormalization").since_version == 17

    @pytest.mark.parametrize("optimize", ["none", "ort"])
    @pytest.mark.parametrize("opset", OPSETS)
    def test_every_opset_runs_and_states_the_oldest_format(self, references, tmp_path, opset, optimize):
        reference = references["pretrainer"]
        options = OnnxOptions(task="pretrainer", opset=opset, optimize=optimize, verify=False)
        export_onnx(tmp_path / "m.onnx", options, checkpoint=reference.source)
        model = onnx.load(tmp_path / "m.onnx")
        imports = {one.domain: one.version for one in model.opset_import}
        assert imports == {"": opset, **({"com.microsoft": 1} if optimize == "ort" else {})}
        assert model.ir_version == helper.find_min_ir_version_for([helper.make_opsetid("", opset)])
        reference.check(run(model, reference.inputs), "fp32-cross")

    @pytest.mark.parametrize("opset", [OPSETS[0], OPSETS[-1]])
    @pytest.mark.parametrize("precision", ["fp16", "int8"])
    @pytest.mark.parametrize("optimize", ["none", "ort"])
    def test_the_ends_run_in_every_precision(self, references, tmp_path, opset, precision, optimize):
        reference = references["encoder"]
        options = OnnxOptions(opset=opset, precision=precision, optimize=optimize, verify=False)
        export_onnx(tmp_path / "m.onnx", options, checkpoint=reference.source)
        reference.check(run(onnx.load(tmp_path / "m.onnx"), reference.inputs), precision)

    @pytest.mark.parametrize("opset", [19, 20])
    def test_gelu_is_one_operation_as_soon_as_there_is_one(self, golden, tmp_path, opset):
        options = OnnxOptions(opset=opset, verify=False)
        export_onnx(tmp_path / "m.onnx", options, checkpoint=golden / CORE)
        kinds = Counter(node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node)
        assert kinds["Gelu"] == (2 if opset == 20 else 0)
        assert kinds["Tanh"] == (1 if opset == 20 else 3)  # the pooler's, and one per layer


@pytest.mark.parametrize("optimize", ["none", "ort"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_row_of_padding_only_stays_finite(golden, golden_inputs, tmp_path, optimize, precision):
    options = OnnxOptions(optimize=optimize, precision=precision, verify=False)
    export_onnx(tmp_path / "m.onnx", options, checkpoint=golden / CORE)
    inputs = {name: array.astype(np.int32) for name, array in golden_inputs.items()}
    padded = run(onnx.load(tmp_path / "m.onnx"), {**inputs, "input_mask": inputs["input_mask"] * 0})
    assert all(np.isfinite(array).all() for array in padded.values())


@pytest.mark.parametrize("optimize", ["none", "ort"])
def test_eight_bits_store_the_tied_table_once(references, tmp_path, optimize):
    options = OnnxOptions(task="mlm", precision="int8", optimize=optimize, verify=False)
    export_onnx(tmp_path / "m.onnx", options, checkpoint=references["mlm"].source)
    shapes = [sorted(tensor.dims) for tensor in onnx.load(tmp_path / "m.onnx").graph.initializer]
    assert shapes.count([8, 30]) == 1


class TestEmulation:
    def test_every_result_is_rounded(self):
        """1 + 2**-12 rounds to 1 in float16: two such sums stay 1, as float32 would not."""
        one, bit = np.ones(1, np.float16), np.full(1, 2.0**-12, np.float16)
        graph = helper.make_graph(
            [
                helper.make_node("Add", ["one", "bit"], ["once"]),
                helper.make_node("Add", ["once", "bit"], ["twice"]),
                helper.make_node("Cast", ["twice"], ["sum"], to=TensorProto.FLOAT),
            ],
            "sums",
            [helper.make_tensor_value_info("one", TensorProto.FLOAT16, [1])],
            [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [1])],
            [numpy_helper.from_array(bit, "bit")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        emulation = emulate_half(onnx.ModelProto.FromString(model.SerializeToString()))
        onnx.checker.check_model(emulation, full_check=True)
        assert {node.op_type for node in emulation.graph.node} == {"Add", "Cast"}
        assert run(emulation, {"one": one})["sum"] == [1.0]
        kinds = {value.type.tensor_type.elem_type for value in emulation.graph.input}
        assert kinds == {TensorProto.FLOAT16}  # as in the file

    def test_an_export_says_what_was_compared(self, golden, tmp_path):
        options = OnnxOptions(precision="fp16", optimize="ort")
        report = export_onnx(tmp_path / "m.onnx", options, checkpoint=golden / CORE)
        assert (
            "compared: the file, which ONNX Runtime's CPU provider computes partly in float32" in report.render()
        )
        names = [candidate["name"] for candidate in report.parity["candidates"]]
        assert names[-1] == f"onnx {tmp_path}/m.onnx (computed in float32 with every result rounded to float16)"
        counts = [len(candidate["probes"]) for candidate in report.parity["candidates"]]
        assert counts == [11, 4, 7]  # without optimizations, those that find any difference; rounded, short ones
        assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]

    def test_bfloat16_is_for_providers_that_have_it(self, golden, tmp_path, monkeypatch, capfd):
        flags = ["--checkpoint", str(golden / CORE), "--output", str(tmp_path / "m.onnx"), "--precision", "bf16"]
        for mode in ([], ["--dry-run"]):
            monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
            assert main([*flags, *mode]) == 3
            assert "ONNX Runtime's CPU provider has no bfloat16 kernels" in capfd.readouterr().err
        assert list(tmp_path.iterdir()) == []
        monkeypatch.setattr(
            onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
        )
        assert main(flags) == 0
        out = capfd.readouterr().out
        assert "AGREE on 11 probes within bf16" in out
        assert "compared: the file computed in float32 with every result rounded to bfloat16" in out
        model = onnx.load(tmp_path / "m.onnx")
        onnx.checker.check_model(model, full_check=True)
        large = [tensor for tensor in model.graph.initializer if not tensor.name.startswith("constant_")]
        assert {tensor.data_type for tensor in large} == {TensorProto.BFLOAT16}


def change_operation(op, change):
    """Wraps the builder so that `change` gets the arguments of every operation of a kind, and the builder."""

    def wrap(monkeypatch):
        add = GraphBuilder.add

        def changed(graph, kind, inputs, output="", domain="", **attributes):
            if kind == op:
                inputs, attributes = change(graph, list(inputs), attributes)
            return add(graph, kind, inputs, output, domain, **attributes)

        monkeypatch.setattr(GraphBuilder, "add", changed)

    return wrap


def change_weight(pattern, replacement):
    """Makes the network read another parameter."""

    def wrap(monkeypatch):
        weight, joined = GraphBuilder.weight, GraphBuilder.joined_weights
        monkeypatch.setattr(
            GraphBuilder, "weight", lambda graph, name: weight(graph, re.sub(pattern, replacement, name))
        )
        monkeypatch.setattr(
            GraphBuilder,
            "joined_weights",
            lambda graph, name, parts: joined(graph, name, [re.sub(pattern, replacement, part) for part in parts]),
        )

    return wrap


def change_constant(module, name, value):
    return lambda monkeypatch: monkeypatch.setattr(module, name, value)


def change_activation(monkeypatch):
    """Exact gelu in place of its approximation."""
    init = plain.PlainSteps.__init__

    def changed(steps, graph, config, **options):
        init(steps, graph, replace(config, activation="gelu_erf"), **options)

    monkeypatch.setattr(plain.PlainSteps, "__init__", changed)


FAULTS = {
    "a query for a key": (change_weight("/key/", "/query/"), "none ort"),
    "a value for a query": (change_weight("/query/kernel", "/value/kernel"), "none ort"),
    "the bias of another layer": (change_weight("encoder/1/output/bias", "encoder/0/output/bias"), "none ort"),
    "no segment embedding": (change_weight("embeddings/segment", "embeddings/position"), "none ort"),
    "another ε": (
        lambda patch: [
            change_operation(op, lambda graph, inputs, attributes: (inputs, {**attributes, "epsilon": 1e-3}))(
                patch
            )
            for op in ("LayerNormalization", "SkipLayerNormalization")
        ],
        "none ort",
    ),
    "another mask value": (
        lambda patch: [change_constant(module, "MASKED_SCORE", -1.0)(patch) for module in (plain, fused)],
        "none ort",
    ),
    "exact gelu": (change_activation, "none ort"),
    "the mask ignored": (
        change_operation(
            "Cast",
            lambda graph, inputs, attributes: (
                [{"input_mask": "input_type_ids"}.get(inputs[0], inputs[0])],
                attributes,
            ),
        ),
        "none ort",
    ),
    "another number of heads": (
        change_operation("Attention", lambda graph, inputs, attributes: (inputs, {**attributes, "num_heads": 1})),
        "ort",
    ),
    "scores not scaled": (
        change_operation("Attention", lambda graph, inputs, attributes: (inputs, {**attributes, "scale": 1.0})),
        "ort",
    ),
    "softmax over queries": (
        change_operation("Softmax", lambda graph, inputs, attributes: (inputs, {"axis": -2})),
        "none",
    ),
    "the second token pooled": (
        change_operation(
            "Gather",
            lambda graph, inputs, attributes: (
                [inputs[0], graph.constant(-1)] if attributes else inputs,
                attributes,
            ),
        ),
        "none ort",
    ),
}


@pytest.mark.parametrize(
    ("name", "optimize"), [(name, kind) for name, (_, kinds) in FAULTS.items() for kind in kinds.split()]
)
def test_a_fault_in_the_network_is_a_difference(references, tmp_path, monkeypatch, name, optimize):
    reference = references["encoder"]
    FAULTS[name][0](monkeypatch)
    options = OnnxOptions(optimize=optimize, verify=False)
    export_onnx(tmp_path / "m.onnx", options, checkpoint=reference.source)
    with pytest.raises(AssertionError):
        reference.check(run(onnx.load(tmp_path / "m.onnx"), reference.inputs), "fp32-cross")


def test_a_graph_that_differs_from_its_source_is_not_written(golden, tmp_path, monkeypatch, capfd):
    FAULTS["another ε"][0](monkeypatch)
    assert main(["--checkpoint", str(golden / CORE), "--output", str(tmp_path / "m.onnx")]) == 1
    err = capfd.readouterr().err
    assert "not written: the graph differs from its source: DISAGREE" in err
    assert f": onnx {tmp_path}/m.onnx" in err
    assert ".tmp-" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("optimize", ["none", "ort"])
def test_a_checkpoint_needs_no_tensorflow(golden, tmp_path, optimize):
    """Neither to write its graph in any precision nor to check it."""
    code = f"""
import sys
sys.modules.update(dict.fromkeys(("tensorflow", "tf_keras", "tf2onnx")))  # as if none was installed
from bertferry.export import OnnxOptions, export_onnx
for precision in ("fp32", "fp16", "int8"):
    options = OnnxOptions(precision=precision, optimize={optimize!r})
    print(export_onnx(f"{{sys.argv[2]}}/{{precision}}.onnx", options, checkpoint=sys.argv[1]).verdict)
"""
    command = [sys.executable, "-c", code, golden / CORE, tmp_path]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert [line.partition(" on ")[0] for line in out.splitlines()] == ["AGREE", "AGREE", "NOT JUDGED"]
