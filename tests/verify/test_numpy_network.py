"""The NumPy network computes what TensorFlow 1.15, the Keras networks and PyTorch compute."""

import math
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from closeness import assert_close
from formulas import ACTIVATION_FORMULAS

from bertferry.convert import ConversionOptions, convert_checkpoint, open_checkpoint
from bertferry.core.architectures import ARCHITECTURES
from bertferry.core.config import ACTIVATIONS
from bertferry.core.errors import DataError
from bertferry.core.inner_outputs import INNER
from bertferry.core.tasks import TASKS
from bertferry.verify.execution import Execution
from bertferry.verify.inspection_points import point_names
from bertferry.verify.numpy_network.activations import ACTIVATION_FUNCTIONS
from bertferry.verify.numpy_network.error_function import erf
from bertferry.verify.probes import ModelLimits, standard_probes
from bertferry.verify.runners.numpy_network import NumpyNetworkRunner

SOURCES = {
    "encoder": "tf1_core_L2",
    "mlm": "tf1_pretrain_L2",
    "pretrainer": "tf1_pretrain_L2",
    "classifier": "tf1_cls_L2",
    "tokens": "hf_token_L2",
    "span": "tf1_squad_L2",
}
"""A golden checkpoint with the heads of each task."""
PROBES = standard_probes(ModelLimits(vocab_size=30, type_vocab_size=3, max_positions=16), with_positions=True)


def with_activation(checkpoint, activation):
    return replace(checkpoint, config=replace(checkpoint.config, activation=activation))


def keras_runner(checkpoint, task, precision=None):
    from bertferry.verify.runners.keras_network import KerasNetworkRunner

    return KerasNetworkRunner(checkpoint, task, Execution(precision=precision))


class TestErrorFunction:
    GRID = np.concatenate(
        [np.linspace(-7, 7, 50_001), np.linspace(-0.6, 0.6, 20_001), np.logspace(-300, 1, 10_001), [0.0, -0.0]]
    )

    def test_it_is_that_of_the_standard_library(self):
        want = np.array([math.erf(x) for x in self.GRID])
        got = erf(self.GRID)
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, want, rtol=1e-15, atol=0)
        np.testing.assert_array_equal(np.signbit(got), np.signbit(want))

    def test_in_float32_to_the_precision_of_float32(self):
        narrow = self.GRID.astype(np.float32)
        want = np.array([math.erf(x) for x in narrow])
        got = erf(narrow)
        assert got.dtype == np.float32
        float32 = np.finfo(np.float32)
        np.testing.assert_allclose(got, want, rtol=4 * float(float32.eps), atol=float(float32.tiny))

    def test_of_what_is_not_finite(self):
        np.testing.assert_array_equal(erf(np.array([np.inf, -np.inf, np.nan, 1e300])), [1, -1, np.nan, 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "formula"), ACTIVATION_FORMULAS.items())
def test_activations_are_their_formulas(name, formula, dtype):
    x = np.concatenate([np.linspace(-9, 9, 3001), [-700.0, 700.0]]).astype(dtype)
    got = x.copy()
    ACTIVATION_FUNCTIONS[name](got)
    assert got.dtype == dtype
    assert_close(got, np.array([formula(float(value)) for value in x]))


def test_every_activation_has_a_function():
    assert tuple(ACTIVATION_FUNCTIONS) == ACTIVATIONS


def slow(cases):
    return [pytest.param(case, marks=pytest.mark.slow) for case in cases]


STORED_OUTPUTS = {
    "encoder": {"sequence_output": "seq", "pooled_output": "pooled"},
    "mlm": {"sequence_output": "seq", "mlm_logits": "mlm_logp"},
    "pretrainer": {
        "sequence_output": "seq",
        "pooled_output": "pooled",
        "mlm_logits": "mlm_logp",
        "nsp_logits": "nsp_logp",
    },
    "classifier": {"logits": "logits"},
    "tokens": {"logits": "logits"},
    "span": {"start_logits": "start", "end_logits": "end"},
}
"""What google-research/bert computed from the golden checkpoints on TensorFlow 1.15.5, by task."""


@pytest.mark.parametrize("precision", ["fp32", "fp64"])
@pytest.mark.parametrize("task", TASKS)
def test_tensorflow_1_computed_the_same(golden, golden_inputs, task, precision):
    inputs = dict(golden_inputs)
    with np.load(golden / f"{SOURCES[task]}.npz") as stored:
        if "pos" in stored:
            inputs["masked_lm_positions"] = stored["pos"]
        want = {ours: stored[theirs] for ours, theirs in STORED_OUTPUTS[task].items()}
    runner = NumpyNetworkRunner(open_checkpoint(golden / SOURCES[task]), task, precision)
    got = runner.run(inputs)
    assert tuple(got) == TASKS[task].output_names
    for name, value in want.items():
        assert got[name].dtype == np.float32
        computed = log_softmax(got[name]) if STORED_OUTPUTS[task][name].endswith("_logp") else got[name]
        assert_close(computed, value.reshape(computed.shape))


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


class TestAgainstKeras:
    @pytest.mark.parametrize("precision", ["fp32", pytest.param("fp64", marks=pytest.mark.slow)])
    @pytest.mark.parametrize("task", TASKS)
    def test_every_task_on_every_probe(self, golden, task, precision):
        checkpoint = open_checkpoint(golden / SOURCES[task])
        assert_same_function(checkpoint, task, precision)

    @pytest.mark.parametrize("activation", [*ACTIVATIONS[:2], *slow(ACTIVATIONS[2:])])
    def test_every_activation(self, golden, activation):
        checkpoint = with_activation(open_checkpoint(golden / "tf1_pretrain_L2"), activation)
        assert_same_function(checkpoint, "mlm", "fp64")

    def test_every_point_from_given_values(self, golden):
        checkpoint = open_checkpoint(golden / "tf1_core_L2")
        ours, theirs = NumpyNetworkRunner(checkpoint, "encoder"), keras_runner(checkpoint, "encoder")
        inputs = PROBES[0].inputs
        own = ours.points(inputs)
        assert tuple(own) == point_names(2)
        given = {name: np.random.default_rng(1).normal(size=v.shape).astype(np.float32) for name, v in own.items()}
        for values in (None, given, {"layer_0/output": given["layer_0/output"]}):
            got, want = ours.points(inputs, values), theirs.points(inputs, values)
            assert got.keys() == want.keys()
            for name, value in want.items():
                assert got[name].dtype == np.float32
                assert_close(got[name], value)


def assert_same_function(checkpoint, task, precision):
    """Compares NumPy with Keras; two encoders in float64 give the same float32, or its neighbor.

    The heads of the Keras networks compute in float32 in any case.
    """
    checkpoint = replace(checkpoint, inner=INNER)
    ours, theirs = NumpyNetworkRunner(checkpoint, task, precision), keras_runner(checkpoint, task, precision)
    for probe in PROBES:
        got, want = ours.run(probe.inputs), theirs.run(probe.inputs)
        assert got.keys() == want.keys()
        for name, value in want.items():
            if precision == "fp64" and name in ("sequence_output", "pooled_output"):
                np.testing.assert_array_max_ulp(got[name], value, maxulp=1)
            else:
                assert_close(got[name], value)


@pytest.mark.skipif(find_spec("torch") is None, reason="needs the extra `torch`")
@pytest.mark.parametrize("precision", ["fp32", "fp64"])
@pytest.mark.parametrize("task", TASKS)
def test_pytorch_computes_the_same(golden, tmp_path, task, precision):
    from bertferry.verify.runners.huggingface import HuggingFaceRunner

    converted = "pretrainer" if task == "mlm" else task
    convert_checkpoint(
        golden / SOURCES[task], tmp_path / "hf", ConversionOptions(to="huggingface", task=converted)
    )
    checkpoint = replace(open_checkpoint(golden / SOURCES[task]), inner=INNER)
    ours = NumpyNetworkRunner(checkpoint, task, precision)
    theirs = HuggingFaceRunner(
        tmp_path / "hf", checkpoint.task(task), Execution(precision=precision), ARCHITECTURES["bert"]
    )
    for probe in PROBES:
        got, want = ours.run(probe.inputs), theirs.run(probe.inputs)
        tokens = probe.inputs["input_mask"].any(axis=1)  # transformers masks with another constant
        for name, value in want.items():
            assert_close(got[name][tokens], value[tokens], "fp32-cross")


@pytest.fixture(scope="module")
def runner(golden):
    return NumpyNetworkRunner(open_checkpoint(golden / "tf1_pretrain_L2"), "mlm")


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "value", "fault"),
        [
            ("input_word_ids", 30, "embeddings/word has 30 rows: no row 30"),
            ("input_word_ids", -1, "embeddings/word has 30 rows: no row -1"),
            ("input_type_ids", 3, "embeddings/segment has 3 rows: no row 3"),
            ("masked_lm_positions", 16, "outside a sequence of 16"),
            ("masked_lm_positions", -1, "outside a sequence of 16"),
        ],
    )
    def test_an_index_outside_its_table(self, runner, name, value, fault):
        inputs = {**PROBES[0].inputs, name: PROBES[0].inputs[name].copy()}
        inputs[name][1, 1] = value
        with pytest.raises(ValueError, match=fault):
            runner.run(inputs)

    def test_a_sequence_longer_than_the_position_table(self, runner):
        inputs = {name: np.pad(array, ((0, 0), (0, 1))) for name, array in PROBES[0].inputs.items()}
        with pytest.raises(ValueError, match="embeddings/position has 16 rows: no row 16"):
            runner.run(inputs)

    def test_a_head_that_the_checkpoint_lacks(self, golden):
        with pytest.raises(DataError, match="missing classifier/kernel"):
            NumpyNetworkRunner(open_checkpoint(golden / "tf1_core_L2"), "classifier")


def test_a_network_does_not_change_its_weights_or_inputs(golden):
    runner = NumpyNetworkRunner(open_checkpoint(golden / "tf1_pretrain_L2"), "pretrainer")
    inputs = PROBES[0].inputs
    copies = {name: array.copy() for name, array in inputs.items()}
    first, second = runner.run(inputs), runner.run(inputs)
    given = runner.points(inputs)
    assert runner.points(inputs, given)["pooler"].tobytes() == given["pooler"].tobytes()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    for name, copy in copies.items():
        np.testing.assert_array_equal(inputs[name], copy)
