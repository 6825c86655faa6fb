"""The family's Keras networks compute what the NumPy network does, at every point of `--localize`."""

import onnx
import pytest
from closeness import assert_close
from family import CONFIGS, save_random

from bertferry.convert import open_checkpoint
from bertferry.export import OnnxOptions, export_onnx
from bertferry.verify import ParityOptions, render, verify_parity
from bertferry.verify.execution import Execution
from bertferry.verify.inspection_points import sort_points
from bertferry.verify.probes import ModelLimits, standard_probes
from bertferry.verify.runners.keras_network import KerasNetworkRunner
from bertferry.verify.runners.numpy_network import NumpyNetworkRunner


@pytest.fixture(scope="module", params=CONFIGS)
def folder(request, tmp_path_factory):
    """A random model of an architecture, as transformers saves it."""
    return save_random(CONFIGS[request.param], tmp_path_factory.mktemp(request.param) / "model")


def test_both_networks_agree_at_every_point(folder):
    """On every probe: with padding on the left, the id of padding inside the text, the longest sequence."""
    checkpoint = open_checkpoint(folder)
    config = checkpoint.config
    ours, judged = (
        NumpyNetworkRunner(checkpoint, "encoder"),
        KerasNetworkRunner(checkpoint, "encoder", Execution()),
    )
    limits = ModelLimits(config.vocab_size, config.type_vocab_size, config.max_length, config.pad_id)
    for probe in standard_probes(limits):
        want, got = ours.points(probe.inputs), judged.points(probe.inputs)
        assert set(got) >= set(want)
        for point in sort_points(set(want)):
            assert_close(got[point], want[point], "fp32-cross")


@pytest.mark.slow
def test_a_fault_in_the_last_layer_is_located(folder, tmp_path):
    """Layers that share a block have points of their own."""
    export_onnx(tmp_path / "m.onnx", OnnxOptions(verify=False), checkpoint=folder)
    options = ParityOptions(engine="tensorflow", localize=True, probes=("mixed",))
    report = verify_parity(folder, [tmp_path / "m.onnx"], options)
    assert report.ok, render(report)
    model = onnx.load(str(tmp_path / "m.onnx"))
    step = next(node for node in model.graph.node if node.output[0] == "layer_2/attention")
    step.op_type = "Sub"
    onnx.save(model, str(tmp_path / "m.onnx"))
    report = verify_parity(folder, [tmp_path / "m.onnx"], options)
    assert not report.ok
    assert report.candidates[0].drift.culprit == "layer_2/attention"
