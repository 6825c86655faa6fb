"""Hidden states and attention maps as outputs on request: of ONNX files and Hub modules."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
import tensorflow as tf
from closeness import assert_close

from bertferry.convert import open_checkpoint
from bertferry.core.errors import UsageError
from bertferry.core.graph_names import in_order
from bertferry.core.inner_outputs import INNER
from bertferry.core.tasks import ENCODER_INPUTS, TASKS
from bertferry.export import ModuleOptions, OnnxOptions, export_hub_module, export_onnx
from bertferry.export.command import main as module_command
from bertferry.export.onnx.command import main
from bertferry.verify import ParityOptions, verify_parity
from bertferry.verify.runners.numpy_network import NumpyNetworkRunner

onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'bertferry[cpu]'")

LAYERS, HEADS, HIDDEN = 2, 2, 8
STATES = {f"hidden_states.{number}": ["batch", "sequence", HIDDEN] for number in range(LAYERS + 1)}
MAPS = {f"attentions.{number}": ["batch", HEADS, "sequence", "sequence"] for number in range(LAYERS)}


@pytest.fixture(scope="module")
def files(golden, tmp_path_factory):
    """The golden encoder, by what its file returns on request."""
    folder = tmp_path_factory.mktemp("inner")

    def export(kind, names="tensorflow"):
        path = folder / f"{kind}.onnx"
        inner = tuple(name for name in INNER if name == kind)
        export_onnx(path, OnnxOptions(inner=inner, names=names, verify=False), checkpoint=golden / "tf1_core_L2")
        return path

    return {
        "hidden_states": export("hidden_states", "huggingface"),
        "attentions": export("attentions"),
        "nothing": export("nothing"),
    }


def dimensions(path):
    return {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in onnx.load(path).graph.output
    }


CASES = [
    ("encoder", "huggingface", {}),
    ("encoder", "huggingface", {"optimize": "ort", "precision": "fp16"}),
    ("encoder", "tensorflow", {"precision": "fp16", "keep_io": False}),
    ("encoder", "tensorflow", {"precision": "int8"}),
    ("classifier", "tensorflow", {"precision": "fp16"}),
    ("pretrainer", "huggingface", {"optimize": "ort"}),
]


@pytest.mark.parametrize(("task", "naming", "options"), CASES, ids=str)
def test_a_file_returns_them_after_its_own_outputs(references, tmp_path, task, naming, options):
    path = tmp_path / "m.onnx"
    report = export_onnx(
        path, OnnxOptions(task, names=naming, inner=INNER, **options), checkpoint=references[task].source
    )
    assert report.outputs[-len(STATES) - len(MAPS) :] == (*STATES, *MAPS)
    own = dimensions(path)
    assert tuple(own) == report.outputs
    assert {name: len(sizes) for name, sizes in own.items() if name in STATES | MAPS} == {
        name: len(sizes) for name, sizes in (STATES | MAPS).items()
    }
    assert {diff["output"] for diff in report.parity["candidates"][0]["probes"][0]["diffs"]} >= {*STATES, *MAPS}


def test_maps_are_distributions_over_tokens_and_states_begin_with_the_embeddings(references, files):
    reference = references["encoder"]
    runs = {
        kind: onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for kind, path in files.items()
    }
    assert dimensions(files["attentions"]).items() >= MAPS.items()
    assert dimensions(files["hidden_states"]).items() >= STATES.items()
    inputs = {name: reference.inputs[name] for name in ENCODER_INPUTS}
    maps = runs["attentions"].run(list(MAPS), inputs)
    padding = reference.inputs["input_mask"] == 0
    assert padding.any()
    for probabilities in maps:
        assert_close(probabilities.sum(axis=-1), np.ones(probabilities.shape[:-1], np.float32))
        assert not probabilities[np.broadcast_to(padding[:, None, None], probabilities.shape)].any()
    names = ("input_ids", "attention_mask", "token_type_ids")
    arrays = [array.astype(np.int64) for array in inputs.values()]
    states = runs["hidden_states"].run(list(STATES), dict(zip(names, arrays, strict=True)))
    checkpoint = open_checkpoint(reference.source)
    points = NumpyNetworkRunner(checkpoint, "encoder").points(reference.inputs)
    for point, state in zip(("embeddings", "layer_0/output", "layer_1/output"), states, strict=True):
        assert_close(state, points[point], "fp32-cross")
    assert_close(states[-1], reference.outputs["sequence_output"], "fp32-cross")


def test_a_checkpoint_computes_what_each_file_returns(golden, files):
    report = verify_parity(golden / "tf1_core_L2", [*files.values()], ParityOptions(localize=True))
    assert report.ok
    compared = [{diff.output for diff in candidate.probes[0].diffs} for candidate in report.candidates]
    own = {"sequence_output", "pooled_output"}
    assert compared == [own | {*STATES}, own | {*MAPS}, own]
    assert all(len(candidate.drift.points) > 0 for candidate in report.candidates)


def test_a_wrong_map_is_found(golden, files, tmp_path):
    model = onnx.load(files["attentions"])
    for node in model.graph.node:
        if node.output[0] == "attentions.1":
            node.input[0] = next(other.input[0] for other in model.graph.node if other.output[0] == "attentions.0")
    onnx.save(model, tmp_path / "wrong.onnx")
    report = verify_parity(golden / "tf1_core_L2", [tmp_path / "wrong.onnx"])
    assert not report.ok
    faults = {diff.output for probe in report.candidates[0].probes for diff in probe.diffs if diff.reason}
    assert faults == {"attentions.1"}


def test_stored_maps_are_a_reference(golden, files, tmp_path):
    stored = tmp_path / "stored.npz"
    assert verify_parity(files["attentions"], [golden / "tf1_core_L2"], ParityOptions(save_golden=stored)).ok
    report = verify_parity(stored, [golden / "tf1_core_L2", files["attentions"]])
    assert report.ok
    assert {diff.output for diff in report.candidates[0].probes[0].diffs} >= {*MAPS}


def test_two_files_that_return_different_ones_are_refused(files):
    with pytest.raises(UsageError, match=r"attentions\.0.*--outputs common"):
        verify_parity(files["attentions"], [files["hidden_states"]])
    report = verify_parity(files["attentions"], [files["hidden_states"]], ParityOptions(outputs="common"))
    assert report.ok
    assert any("attentions.0" in note for note in report.notes)


def test_padded_rows_of_a_map_can_be_left_out(golden, files, tmp_path):
    """Attending tokens are the third axis of a map."""
    stored = tmp_path / "stored.npz"
    options = ParityOptions(save_golden=stored, probes=("mixed",))
    verify_parity(files["attentions"], [golden / "tf1_core_L2"], options)
    with np.load(stored) as arrays:
        changed = dict(arrays)
    key, mask = "mixed/attentions.0", changed["mixed/input_mask"]
    changed[key] = np.where(mask[:, None, :, None] == 1, changed[key], 0.5)
    np.savez(stored, **changed)
    assert not verify_parity(stored, [files["attentions"]]).ok
    assert verify_parity(stored, [files["attentions"]], ParityOptions(positions="unmasked")).ok


def test_the_command_says_what_the_fused_graph_does(golden, tmp_path, capsys):
    path = tmp_path / "m.onnx"
    arguments = ["--checkpoint", str(golden / "tf1_core_L2"), "--output", str(path), "--attentions"]
    assert main([*arguments, "--optimize", "ort", "--no-verify"]) == 0
    assert "attention is in plain operations" in capsys.readouterr().out
    operations = {node.op_type for node in onnx.load(path).graph.node}
    assert "Attention" not in operations
    assert "SkipLayerNormalization" in operations


def test_a_saved_model_returns_its_own_outputs(tmp_path, capsys):
    arguments = ["--saved-model", str(tmp_path), "--output", str(tmp_path / "m.onnx"), "--attentions"]
    assert main(arguments) == 2
    assert "--attentions" in capsys.readouterr().err


@pytest.fixture(scope="module")
def module(golden, tmp_path_factory):
    """A pretrainer with both, and its ONNX file."""
    output = tmp_path_factory.mktemp("inner") / "module"
    options = ModuleOptions("pretrainer", inner=INNER, onnx=("fp32",))
    report = export_hub_module(golden / "tf1_pretrain_L2", output, options)
    compared = [[diff["output"] for diff in side["probes"][0]["diffs"]] for side in report.parity["candidates"]]
    assert all({*STATES, *MAPS} <= {*names} for names in compared)
    return output


def test_a_module_returns_them_from_every_call_by_name(module, references):
    loaded = tf.saved_model.load(str(module))
    whole = {name: tf.constant(array) for name, array in references["pretrainer"].inputs.items()}
    inputs = {name: whole[name] for name in ENCODER_INPUTS}
    root = loaded(inputs)
    for outputs in (root, loaded.mlm(whole), loaded.serve(whole), loaded.signatures["serving_default"](**whole)):
        for name in (*STATES, *MAPS):
            assert_close(outputs[name], root[name])
    for name, block in zip([*STATES][1:], root["encoder_outputs"], strict=True):
        np.testing.assert_array_equal(root[name], block)
    assert [tensor.shape.rank for tensor in loaded([*inputs.values()])] == [2, 3]
    sums = loaded(inputs, training=True)["attentions.0"].numpy().sum(axis=-1)  # dropout follows
    assert_close(sums, np.ones_like(sums))


def test_a_checkpoint_computes_what_a_module_returns(golden, module):
    sides = [module, f"savedmodel:{module}", module / "onnx" / "model.onnx"]
    report = verify_parity(golden / "tf1_pretrain_L2", sides, ParityOptions("pretrainer", localize=True))
    assert report.ok
    for candidate in report.candidates:
        assert {diff.output for diff in candidate.probes[0].diffs} >= {*STATES, *MAPS}


@pytest.mark.slow
def test_the_onnx_file_of_a_module_returns_them_too(module, tmp_path):
    report = export_onnx(tmp_path / "m.onnx", saved_model=module)
    assert report.outputs[-len(STATES) - len(MAPS) :] == (*STATES, *MAPS)


@pytest.mark.parametrize("has_them", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_module_made_of_another_returns_what_is_asked(golden, module, tmp_path, has_them):
    origin = module if has_them else tmp_path / "plain"
    if not has_them:
        export_hub_module(golden / "tf1_pretrain_L2", origin, ModuleOptions("pretrainer", verify=False))
    inner = () if has_them else ("attentions",)
    report = export_hub_module(None, tmp_path / "new", ModuleOptions("pretrainer", inner=inner), module=origin)
    assert report.verdict.startswith("AGREE")
    compared = {diff["output"] for diff in report.parity["candidates"][0]["probes"][0]["diffs"]}
    assert compared & {*STATES, *MAPS} == (set() if has_them else {*MAPS})


@pytest.mark.parametrize("choices", [["--task", "text"], ["--export", "preprocessing"]])
def test_a_module_of_strings_has_none(golden, tmp_path, capfd, choices):
    arguments = ["--checkpoint", str(golden / "tf1_core_L2"), "--output", str(tmp_path / "m"), "--attentions"]
    assert module_command([*arguments, *choices]) == 2
    assert "--attentions" in capfd.readouterr().err


def test_many_layers_are_in_order():
    spec = replace(TASKS["mlm"], inner=())
    names = [*spec.output_names, *(f"{kind}.{number}" for kind in INNER for number in range(12))]
    assert in_order(reversed([*names, "other"])) == [*names, "other"]
