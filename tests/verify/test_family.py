"""Encoders of BERT's family compute what the libraries that trained them do, in NumPy and in ONNX graphs."""

import numpy as np
import pytest
from closeness import assert_close

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.core.errors import UsageError
from bertferry.core.tasks import POSITIONS_INPUT
from bertferry.export import OnnxOptions, export_onnx
from bertferry.verify import ParityOptions, verify_parity
from bertferry.verify.execution import Execution
from bertferry.verify.runners.numpy_network import NumpyNetworkRunner
from bertferry.verify.runners.onnx import OnnxRunner

ALBERT = {"seq": "sequence_output", "pooled": "pooled_output", "mlm_logp": "mlm_logits", "sop_logp": "nsp_logits"}
DISCRIMINATOR = {"seq": "sequence_output"}
GENERATOR = {"gen_seq": "sequence_output", "gen_mlm_logits": "mlm_logits"}
ELECTRA, WIDE = "tf1_electra_pretrain_L2.npz", "tf1_electra_wide_pretrain_L2.npz"
GOLDENS = {
    "tf1_albert": ("tf1_albert_pretrain_L2", "", "pretrainer", "tf1_albert_pretrain_L2.npz", ALBERT),
    "hf_albert": ("hf_albert_pretrain_L2", "", "pretrainer", "tf1_albert_pretrain_L2.npz", ALBERT),
    "tf1_electra": ("tf1_electra_pretrain_L2", "electra", "encoder", ELECTRA, DISCRIMINATOR),
    "tf1_generator": ("tf1_electra_pretrain_L2", "generator", "mlm", ELECTRA, GENERATOR),
    "hf_electra": ("hf_electra_disc_L2", "", "encoder", ELECTRA, DISCRIMINATOR),
    "hf_generator": ("hf_electra_gen_L2", "", "mlm", ELECTRA, GENERATOR),
    "tf1_electra_wide": ("tf1_electra_wide_pretrain_L2", "electra", "encoder", WIDE, DISCRIMINATOR),
    "hf_generator_wide": ("hf_electra_wide_gen_L2", "", "mlm", WIDE, GENERATOR),
}
"""Folder, prefix, task, reference, and its outputs by their own names."""


@pytest.fixture(params=GOLDENS)
def case(request, golden):
    """A folder, how to read it, a task, its inputs, and the genuine outputs at real tokens by name."""
    folder, prefix, task, reference, outputs = GOLDENS[request.param]
    with np.load(golden / reference) as stored:
        arrays = dict(stored)
    ids, mask = arrays["ids"], arrays["mask"]
    inputs = {"input_word_ids": ids, "input_mask": mask, "input_type_ids": arrays.get("seg", np.zeros_like(ids))}
    every = np.tile(np.arange(ids.shape[1]), (len(ids), 1))
    inputs[POSITIONS_INPUT] = arrays.get("pos", every)
    wanted = {output: arrays[own] for own, output in outputs.items()}
    normalized = {output for own, output in outputs.items() if own.endswith("logp")}
    return golden / folder, SourceOptions(prefix=prefix or None), task, _int32(inputs), wanted, normalized


def _int32(inputs):
    return {name: array.astype(np.int32) for name, array in inputs.items()}


def check(runner, task_inputs, inputs, wanted, normalized):
    got = runner.run({name: inputs[name] for name in task_inputs})
    real = inputs["input_mask"] == 1
    for name, want in wanted.items():
        value = got[name]
        if name in normalized:
            value = (value - np.log(np.exp(value).sum(-1, keepdims=True))).reshape(want.shape)
        of_tokens = want.shape[:2] == real.shape
        assert_close(value[real] if of_tokens else value, want[real] if of_tokens else want, "fp32-cross")


def test_the_numpy_network_computes_the_genuine_outputs(case):
    folder, source, task, *rest = case
    checkpoint = open_checkpoint(folder, source)
    check(NumpyNetworkRunner(checkpoint, task), checkpoint.task(task).input_names, *rest)


@pytest.mark.parametrize("optimize", ["none", "ort"])
def test_onnx_graphs_compute_the_genuine_outputs(case, tmp_path, optimize):
    folder, source, task, *rest = case
    export_onnx(tmp_path / "m.onnx", OnnxOptions(task=task, optimize=optimize), checkpoint=folder, source=source)
    check(
        OnnxRunner(tmp_path / "m.onnx", Execution(), shares_mask=True),
        open_checkpoint(folder, source).task(task).input_names,
        *rest,
    )


@pytest.mark.parametrize("folder", ["hf_albert_pretrain_L2"])
def test_a_fault_is_located(golden, tmp_path, folder):
    export_onnx(tmp_path / "m.onnx", OnnxOptions(verify=False), checkpoint=golden / folder)
    options = ParityOptions(localize=True, probes=("mixed",))
    assert verify_parity(golden / folder, [tmp_path / "m.onnx"], options).ok
    import onnx

    model = onnx.load(str(tmp_path / "m.onnx"))
    step = next(node for node in model.graph.node if node.output[0] == "layer_1/attention")
    step.op_type = "Sub"
    onnx.save(model, str(tmp_path / "m.onnx"))
    report = verify_parity(golden / folder, [tmp_path / "m.onnx"], options)
    assert not report.ok
    assert report.candidates[0].drift.culprit == "layer_1/attention"


def test_what_tensorflow_does_not_compute_is_refused_by_name(golden):
    with pytest.raises(UsageError, match="no network in TensorFlow computes Albert models"):
        open_checkpoint(golden / "hf_albert_pretrain_L2").check_bert()
