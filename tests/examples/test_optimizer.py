"""The optimizer: rates of the steps, and which variables decay."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub as hub
import tf_keras
from training.optimizer import WarmUpAndDecay, is_decayed, make_optimizer
from training.options import TrainingOptions

from bertferry.convert import open_checkpoint
from bertferry.core.errors import UsageError
from bertferry.export import ModuleOptions, export_hub_module
from bertferry.modeling.builders import classifier_model
from bertferry.modeling.variables import named_variables


def test_the_rate_rises_and_falls_linearly():
    rates = [float(WarmUpAndDecay(1.0, 2, 10)(step)) for step in range(12)]
    assert rates == [0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0, 0]


@pytest.mark.parametrize(("warmup", "rates"), [(0, [1, 0.5]), (2, [0, 0.5])])
def test_runs_without_or_with_nothing_but_warm_up(warmup, rates):
    assert [float(WarmUpAndDecay(1.0, warmup, 2)(step)) for step in range(2)] == rates


def test_rates_of_the_optimizer_are_those_of_its_steps():
    variable = tf.Variable([1.0], name="kernel")
    optimizer = make_optimizer(TrainingOptions(learning_rate=1.0, warmup=0.5), 4)
    optimizer.build([variable])
    rates = []
    for _ in range(4):
        optimizer.apply_gradients([(tf.constant([1.0]), variable)])
        rates.append(float(optimizer.learning_rate))
    assert rates == [0, 0.5, 1, 0.5]


def decayed(names, variables):
    """The names whose variables become smaller without any gradient."""
    options = TrainingOptions(learning_rate=0.5, weight_decay=0.5, warmup=0)
    optimizer = make_optimizer(options, 10**9)
    optimizer.build(variables)
    before = [variable.assign(tf.ones_like(variable)) for variable in variables]
    optimizer.apply_gradients([(tf.zeros_like(variable), variable) for variable in variables])
    smaller = [float(tf.reduce_max(variable)) < 1 for variable in before]
    return {name for name, is_smaller in zip(names, smaller, strict=True) if is_smaller}


def kernels_and_tables(names):
    return {name for name in names if not name.endswith(("/bias", "/gamma", "/beta"))}


def test_norms_and_biases_of_a_network_do_not_decay(golden):
    model, _ = classifier_model(open_checkpoint(golden / "tf1_core_L2").config, 2, None)
    named = named_variables(model)
    assert decayed(named, list(named.values())) == kernels_and_tables(named)
    assert {"embeddings/word", "classifier/kernel"} < kernels_and_tables(named)


def test_norms_and_biases_of_a_module_do_not_decay(golden, tmp_path):
    export_hub_module(golden / "tf1_core_L2", tmp_path / "module", ModuleOptions(verify=False))
    layer = hub.KerasLayer(str(tmp_path / "module"), trainable=True)
    layer({name: tf.ones((1, 2), tf.int32) for name in ("input_word_ids", "input_mask", "input_type_ids")})
    names = [variable.name.removesuffix(":0") for variable in layer.trainable_variables]
    assert decayed(names, layer.trainable_variables) == kernels_and_tables(names)


@pytest.mark.parametrize(
    ("name", "decays"),
    [
        ("bert_model/encoder/layer_0/attention/output/LayerNorm/gamma:0", False),
        ("cls/predictions/output_bias/bias:0", False),
        ("layer_norm/beta_1:0", False),
        ("dense.bias", False),
        ("relative_position_bias/embeddings:0", True),
        ("bert/encoder/layer_0/output/dense/kernel:0", True),
        ("alphabeta:0", True),
    ],
)
def test_names_of_other_networks(name, decays):
    assert is_decayed(name) == decays


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"epochs": 0}, "--epochs 0: expected a number above 0"),
        ({"learning_rate": -1.0}, "--learning-rate -1.0: expected a number above 0"),
        ({"learning_rate": float("nan")}, "--learning-rate nan: expected a number above 0"),
        ({"warmup": 1.5}, "--warmup 1.5: expected a share from 0 to 1"),
        ({"patience": -1}, "--patience -1: expected 0 or a number above it"),
    ],
)
def test_options_out_of_range(changes, line):
    with pytest.raises(UsageError, match=line):
        TrainingOptions(**changes)


def test_adam_is_that_of_2019_with_decoupled_decay():
    """One step by hand: the correction of the bias makes the first step as long as the rate."""
    variable = tf.Variable([2.0], name="kernel")
    optimizer = make_optimizer(TrainingOptions(learning_rate=0.5, weight_decay=0.25, warmup=0), 10**9)
    optimizer.build([variable])
    optimizer.apply_gradients([(tf.constant([4.0]), variable)])
    np.testing.assert_array_equal(np.round(variable.numpy(), 4), [np.float32(2 - 2 * 0.25 * 0.5 - 0.5)])
    assert isinstance(optimizer, tf_keras.optimizers.AdamW)
