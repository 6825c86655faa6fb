"""Graphs under the names that clients of Hugging Face's files look for."""

import json

import numpy as np
import onnx
import pytest

from bertferry.convert import ConversionOptions, convert_checkpoint
from bertferry.core.graph_names import NAMINGS, graph_names
from bertferry.core.tasks import TASKS
from bertferry.export import OnnxOptions, export_onnx
from bertferry.verify import ParityOptions, verify_parity
from bertferry.verify.interface import Interface, standard_names

onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'bertferry[cpu]'")

INPUTS = {"input_ids": "input_word_ids", "attention_mask": "input_mask", "token_type_ids": "input_type_ids"}
CLASSES = {"classifier": 5, "tokens": 5}
OUTPUTS: dict[str, dict[str, list]] = {
    "encoder": {"last_hidden_state": ["batch", "sequence", 8], "pooler_output": ["batch", 8]},
    "classifier": {"logits": ["batch", CLASSES["classifier"]]},
    "tokens": {"logits": ["batch", "sequence", CLASSES["tokens"]]},
    "span": {"start_logits": ["batch", "sequence"], "end_logits": ["batch", "sequence"]},
    "mlm": {"logits": ["batch", "sequence", 30]},
    "pretrainer": {"prediction_logits": ["batch", "sequence", 30], "seq_relationship_logits": ["batch", 2]},
}
"""By task, with the dimensions of the golden checkpoints."""


def described(values):
    return {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in values
    }


@pytest.mark.parametrize(
    "options", [{}, {"optimize": "ort"}, {"precision": "fp16"}, {"precision": "int8"}], ids=str
)
@pytest.mark.parametrize("task", OUTPUTS)
def test_a_graph_has_the_names_and_types_of_transformers(references, tmp_path, task, options):
    reference, path = references[task], tmp_path / "m.onnx"
    report = export_onnx(path, OnnxOptions(task=task, names="huggingface", **options), checkpoint=reference.source)
    graph = onnx.load(path).graph
    assert described(graph.input) == {name: ["batch", "sequence"] for name in INPUTS}
    assert {value.type.tensor_type.elem_type for value in graph.input} == {onnx.TensorProto.INT64}
    assert list(described(graph.output)) == list(OUTPUTS[task]) == list(report.outputs)
    ranks = {name: len(sizes) for name, sizes in OUTPUTS[task].items()}
    assert {name: len(sizes) for name, sizes in described(graph.output).items()} == ranks
    assert report.verdict != "not checked"  # which raises if they disagree


@pytest.mark.parametrize("task", OUTPUTS)
def test_it_computes_what_tf1_computed_and_words_everywhere(references, tmp_path, task):
    reference, path = references[task], tmp_path / "m.onnx"
    export_onnx(path, OnnxOptions(task=task, names="huggingface", verify=False), checkpoint=reference.source)
    assert described(onnx.load(path).graph.output) == OUTPUTS[task]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = {name: reference.inputs[standard].astype(np.int64) for name, standard in INPUTS.items()}
    returned = dict(zip(OUTPUTS[task], session.run(list(OUTPUTS[task]), feeds), strict=True))
    named = {
        standard: returned[own]
        for standard, own in graph_names(TASKS[task], "huggingface").items()
        if own in returned
    }
    if "mlm_logits" in named:
        positions = reference.inputs["masked_lm_positions"]
        named["mlm_logits"] = named["mlm_logits"][np.arange(len(positions))[:, np.newaxis], positions]
    reference.check(named, "fp32-cross")


def test_a_source_or_target_of_hugging_face_chooses_them(golden, tmp_path):
    folder = tmp_path / "folder"
    convert_checkpoint(golden / "tf1_core_L2", folder, ConversionOptions(to="huggingface"))
    quick = OnnxOptions(verify=False)
    (folder / "onnx").mkdir()

    def inputs(output, source, options=quick):
        return export_onnx(output, options, checkpoint=source, overwrite=True).inputs[0]

    assert inputs(tmp_path / "m.onnx", folder) == "input_ids"
    assert inputs(tmp_path / "m.onnx", golden / "tf1_core_L2") == "input_word_ids"
    assert inputs(folder / "m.onnx", golden / "tf1_core_L2") == "input_ids"
    assert inputs(folder / "onnx" / "model.onnx", golden / "tf1_core_L2") == "input_ids"
    ours = OnnxOptions(verify=False, names="tensorflow")
    assert inputs(tmp_path / "m.onnx", folder, ours) == "input_word_ids"
    (folder / "config.json").write_text(json.dumps({"hidden_size": 8}))
    assert inputs(folder / "m.onnx", golden / "tf1_core_L2") == "input_word_ids"


@pytest.mark.parametrize("task", OUTPUTS)
def test_the_verifier_knows_either_naming(references, tmp_path, task):
    path = tmp_path / "m.onnx"
    export_onnx(
        path, OnnxOptions(task=task, names="huggingface", verify=False), checkpoint=references[task].source
    )
    options = ParityOptions(task=task, outputs="common", localize=True)
    report = verify_parity(references[task].source, [path], options)
    assert report.ok
    assert {diff.output for probe in report.candidates[0].probes for diff in probe.diffs} >= {
        output.name for head in TASKS[task].head_specs for output in head.outputs
    }


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("task", TASKS)
def test_the_names_of_a_graph_are_known_to_the_verifier(task, naming):
    names = graph_names(TASKS[task], naming)
    own = Interface(
        {names[name]: (None, None) for name in TASKS[task].input_names if name in names},
        {names[spec.name]: (None,) * len(spec.dims) for spec in TASKS[task].outputs},
    )
    assert standard_names("a graph", own, TASKS[task], {}) == {other: name for name, other in names.items()}
