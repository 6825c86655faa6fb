"""Hub modules in half precision are not trained, and become ONNX files; weights that do not fit are refused."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub as hub
import tf_keras
from rewriting import rewrite

from bertferry.core.errors import DataError, UsageError
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export import ModuleOptions, OnnxOptions, check_module_contract, export_hub_module, export_onnx
from bertferry.export.contract import ContractError
from bertferry.export.shared_contract_lines import check_wide, is_for_inference

LARGE = "bert/encoder/layer_1/output/dense/kernel"
TOO_LARGE = (
    r"encoder/1/output/kernel: 1e[+]06 does not fit into float16 [(]at most 65504[)]: keep --precision fp32"
)


@pytest.fixture(scope="module", params=["fp16", "bf16"])
def half(request, golden, tmp_path_factory):
    """A module in half precision."""
    folder = tmp_path_factory.mktemp(request.param) / "module"
    export_hub_module(golden / "tf1_core_L2", folder, ModuleOptions(precision=request.param, verify=False))
    return folder


def model_of(layer):
    inputs = {name: tf_keras.Input((8,), dtype="int32", name=name) for name in ENCODER_INPUTS}
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(2)(layer(inputs)["pooled_output"]))
    model.compile("adam", tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.mark.filterwarnings("ignore:.*")  # from Keras and TensorFlow on loading
class TestTraining:
    """Its updates would be smaller than the distance of most weights to the next number."""

    def test_the_layer_refuses_to_be_trained(self, half):
        layer = hub.KerasLayer(str(half), trainable=True)
        assert layer.trainable_weights == []
        ids = {name: np.ones((4, 8), np.int32) for name in ENCODER_INPUTS}
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"for inference: .* fine-tune one of --precision fp32"
        ):
            model_of(layer).fit(ids, np.ones(4), verbose=0)

    def test_a_head_is_trained_on_a_frozen_layer(self, half):
        model = model_of(hub.KerasLayer(str(half)))
        ids = {name: np.ones((4, 8), np.int32) for name in ENCODER_INPUTS}
        before = model.get_weights()
        model.fit(ids, np.ones(4), verbose=0)
        changed = [not np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True)]
        assert changed == [False] * (len(changed) - 2) + [True] * 2

    def test_xla_which_drops_assertions_returns_nan(self, half):
        loaded = tf.saved_model.load(str(half))
        ids = {name: tf.ones((1, 4), tf.int32) for name in ENCODER_INPUTS}
        compiled = tf.function(loaded.serve_training, jit_compile=True)(ids)
        assert all(np.isnan(output).all() for output in compiled.values())

    def test_the_card_says_so(self, half):
        card = (half / "README.md").read_text()
        assert "for inference only: fine-tune a module of `--precision fp32`" in card
        assert "trainable" not in card
        assert "serve_training" not in card

    def test_the_contract_is_that_of_inference(self, half):
        lines = {finding.line: finding.fault for finding in check_module_contract(half).findings}
        assert lines.pop("contains its vocabulary and casing") == "missing .vocab_file"
        assert "training is refused, as weights in half precision cannot be trained" in lines
        assert not any(lines.values())

    def test_frozen_parts_need_others_that_are_trained(self):
        with pytest.raises(UsageError, match="--freeze is for --precision fp32: no weight is trained in bf16"):
            ModuleOptions(precision="bf16", freeze=("embeddings",))


def test_trainable_weights_in_half_precision_violate_the_contract():
    """Modules of others have them, and those of version 0.1."""
    kernel = tf.Variable(np.ones((2, 2), np.float16), name="kernel")
    with pytest.raises(ContractError, match=r"updates are lost in the rounding of weights .*: kernel:0"):
        check_wide([tf.Variable(np.ones(2, np.float32)), kernel])
    assert not is_for_inference([kernel], [kernel])


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_one_command_exports_it_to_onnx(half, tmp_path, precision):
    report = export_onnx(tmp_path / "m.onnx", OnnxOptions(precision=precision), saved_model=half)
    profile = half.parent.name[:4]
    if precision == "int8":
        assert report.verdict.startswith("NOT JUDGED")
        assert report.weight_bytes < 4000  # of 6.2 kB
    else:
        assert f"AGREE on 10 probes within {profile} " in report.verdict
    note = f"the SavedModel computes in {profile}: the file is made from its graph in float32"
    assert report.notes == ((note,) if profile == "bf16" or precision == "int8" else ())


@pytest.fixture(scope="module")
def large(golden, tmp_path_factory):
    """A checkpoint with a weight beyond float16's range."""
    folder = tmp_path_factory.mktemp("large") / "checkpoint"
    shutil.copytree(golden / "tf1_core_L2", folder)

    def enlarge(tensors):
        tensors[LARGE][0, 0] = 1e6

    rewrite(folder, enlarge)
    return folder


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("verify", [True, False])
class TestRange:
    def test_a_module(self, large, tmp_path, verify):
        with pytest.raises(DataError, match=TOO_LARGE):
            export_hub_module(large, tmp_path / "m", ModuleOptions(precision="fp16", verify=verify))
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("optimize", ["none", "ort"])
    def test_the_graph_of_a_checkpoint(self, large, tmp_path, verify, optimize):
        options = OnnxOptions(precision="fp16", optimize=optimize, verify=verify)
        with pytest.raises(DataError, match=TOO_LARGE):
            export_onnx(tmp_path / "m.onnx", options, checkpoint=large)
        assert not list(tmp_path.iterdir())

    def test_bfloat16_holds_it(self, large, tmp_path, verify):
        export_hub_module(large, tmp_path / "m", ModuleOptions(precision="bf16", verify=False))
