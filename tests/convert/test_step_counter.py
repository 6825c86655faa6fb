"""The step counter of tf1's files, which an Estimator restores besides the parameters."""

from typing import Any

import numpy as np
import pytest
from judges import tf
from rewriting import rewrite

from bertferry.convert import convert_checkpoint
from bertferry.convert.bundle import BundleReader
from bertferry.convert.command import main
from bertferry.convert.options import ConversionOptions


@pytest.mark.parametrize(("arguments", "step"), [([], 0), (["--global-step", "1000000"], 1000000)])
def test_tf1_saver_restores_it(golden, tmp_path, arguments, step):
    output = tmp_path / "out"
    source = str(golden / "keras_bert_L2_21")
    assert main(["--input", source, "--output", str(output), "--to", "tf1", *arguments]) == 0
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        counter = tf.compat.v1.train.get_or_create_global_step()
        bias = tf.compat.v1.get_variable("bert/pooler/dense/bias", [8])
        tf.compat.v1.train.Saver().restore(session, str(output / "bert_model.ckpt"))
        assert session.run(counter) == step
        assert np.isfinite(session.run(bias)).all()


@pytest.mark.parametrize("to", ["keras_names", "keras_bert", "garden_v1"])
def test_other_targets_have_none(golden, tmp_path, one_line, to):
    convert_checkpoint(golden / "tf1_core_L2", tmp_path / "out", ConversionOptions(to=to))
    assert not any("global_step" in name for name in BundleReader(tmp_path / "out/bert_model.ckpt").entries)
    arguments = ["--input", str(golden / "tf1_core_L2"), "--output", str(tmp_path / "no"), "--to", to]
    assert main([*arguments, "--global-step", "5"]) == 2
    one_line(f"--global-step applies to --to tf1: {to} has no step counter")


def test_a_step_is_not_negative(golden, tmp_path, one_line):
    arguments = ["--input", str(golden / "tf1_core_L2"), "--output", str(tmp_path / "no"), "--to", "tf1"]
    assert main([*arguments, "--global-step=-1"]) == 2
    one_line("global_step is -1")


def test_training_state_is_skipped_and_said(golden, tmp_path):
    """Slots of the optimizers that BERT was trained with, of gradient accumulation and of mixed precision."""
    source = tmp_path / "source"
    convert_checkpoint(golden / "tf1_core_L2", source, ConversionOptions(to="tf1"))
    slots = ("adam_m", "lamb_v", "BERTAdam", "BERTAdam_1", "LAMB/adam_m", "AdamWeightDecayOptimizer", "accum")
    state: dict[str, Any] = {f"bert/pooler/dense/bias/{slot}": np.zeros(8, np.float32) for slot in slots}
    state |= {name: np.float32(1) for name in ("beta1_power", "current_loss_scale", "loss_scale")}
    state |= {name: np.int32(1) for name in ("local_step", "accum_step", "good_steps")}
    state |= {"batch_finite": np.bool_(True)}
    rewrite(source, lambda tensors: tensors.update(state))
    report = convert_checkpoint(source, tmp_path / "out", ConversionOptions(to="huggingface"))
    assert report.skipped.keys() == {*state, "global_step"}
