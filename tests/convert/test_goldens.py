"""Genuine checkpoints of every layout convert into each other bit for bit."""

import json

import numpy as np
import pytest
import tensorflow as tf

from bertferry.convert import convert_checkpoint, open_checkpoint

CORE = ("tf1_core_L2", "tf_20_model_L2_2D_20", "tf_20_model_L2_3D_20", "tf_20_layer_L2_2D_20", "keras_bert_L2_21")
WHOLE = {
    "classifier": ("tf1_cls_L2", "tf_20_cls_L2", "keras_bert_L2_21_cls"),
    "span": ("tf1_squad_L2", "tf_20_squad_L2", "keras_bert_L2_21_span"),
    "pretrainer": ("tf1_pretrain_L2", "tf_20_pre_L2", "keras_bert_L2_21_pre"),
}
GOLDEN_OF = {
    ("keras_bert", "encoder"): "keras_bert_L2_21",
    ("tf1", "encoder"): "tf1_core_L2",
    **{("tf1", task): folders[0] for task, folders in WHOLE.items()},
    **{("keras_bert", task): folders[2] for task, folders in WHOLE.items()},
}
CASES = [
    (source, target, task)
    for task, sources in {"encoder": CORE, **WHOLE}.items()
    for source in sources
    for target in ("keras_bert", "tf1")
]
TRAINING_STATE = ("adam_m", "adam_v", "global_step")


def stored_tensors(directory) -> dict[str, np.ndarray]:
    """Every tensor that TensorFlow's own reader finds, but the object graph and training state."""
    (index,) = directory.glob("*.index")
    reader = tf.train.load_checkpoint(str(index).removesuffix(".index"))
    names = reader.get_variable_to_shape_map()
    return {
        name: reader.get_tensor(name)
        for name in names
        if not name.endswith(TRAINING_STATE) and name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    }


@pytest.mark.parametrize(("source", "target", "task"), CASES)
def test_a_golden_converts_to_the_golden_of_the_other_layout(golden, tmp_path, source, target, task):
    report = convert_checkpoint(golden / source, tmp_path / "out", to=target, task=task)
    got = stored_tensors(tmp_path / "out")
    want = stored_tensors(golden / GOLDEN_OF[target, task])
    assert got.keys() == want.keys()
    for name, value in want.items():
        assert got[name].dtype == value.dtype
        assert got[name].tobytes() == value.tobytes(), name
    assert report.source_layout == open_checkpoint(golden / source).layout.name


def test_the_report_accounts_for_every_tensor(golden, tmp_path):
    convert_checkpoint(golden / "tf1_pretrain_L2", tmp_path / "out", task="pretrainer")
    report = json.loads((tmp_path / "out" / "conversion_report.json").read_text())
    reader = tf.train.load_checkpoint(str(golden / "tf1_pretrain_L2" / "bert_model.ckpt"))
    reported = {row["source"] for row in report["tensors"]} | set(report["skipped"])
    assert reported == set(reader.get_variable_to_shape_map())
    assert report["skipped"]["global_step"] == "step counter"
    assert {row["bytes"] for row in report["tensors"] if row["parameter"] == "nsp/kernel"} == {"transposed"}


def test_heads_that_the_target_does_not_hold_are_reported_with_the_way_to_keep_them(golden, tmp_path):
    report = convert_checkpoint(golden / "tf1_squad_L2", tmp_path / "out")
    assert report.heads == ()
    assert report.skipped["cls/squad/output_bias"] == "head span not in the target, kept with --task span"


def test_a_third_party_checkpoint_with_a_vocabulary_converts(golden, tmp_path):
    report = convert_checkpoint(golden / "third_party_keras_bert", tmp_path / "out", task="all")
    assert report.heads == ("mlm", "nsp")
    assert sum(reason == "optimizer slot" for reason in report.skipped.values()) == 92
    vocabulary = (tmp_path / "out" / "vocab.txt").read_bytes()
    assert vocabulary == (golden / "third_party_keras_bert" / "vocab.txt").read_bytes()


@pytest.mark.parametrize("source", ["tf1_core_L2", "tf_20_model_L2_3D_20"])
def test_a_dry_run_writes_nothing_and_reports_the_same(golden, tmp_path, source):
    planned = convert_checkpoint(golden / source, tmp_path / "out", dry_run=True)
    assert list(tmp_path.iterdir()) == []
    done = convert_checkpoint(golden / source, tmp_path / "out")
    assert [(row.source, row.target, row.target_shape) for row in planned.tensors] == [
        (row.source, row.target, row.target_shape) for row in done.tensors
    ]


def test_saver_of_tf1_reads_the_tf1_target(golden, tmp_path):
    convert_checkpoint(golden / "keras_bert_L2_21", tmp_path / "out", to="tf1")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variable = tf.compat.v1.get_variable("bert/pooler/dense/kernel", [8, 8])
        tf.compat.v1.train.Saver([variable]).restore(session, str(tmp_path / "out" / "bert_model.ckpt"))
        expected = open_checkpoint(golden / "tf1_core_L2").read("pooler/kernel")
        np.testing.assert_array_equal(session.run(variable), expected)


def test_saver_of_tf1_reads_the_object_based_target_by_variable_name(golden, tmp_path):
    convert_checkpoint(golden / "tf1_core_L2", tmp_path / "out")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        name = "transformer/layer_1/self_attention_output/kernel"
        variable = tf.compat.v1.get_variable(name, [2, 4, 8])
        tf.compat.v1.train.Saver([variable]).restore(session, str(tmp_path / "out" / "bert_model.ckpt"))
        expected = open_checkpoint(golden / "tf1_core_L2").read("encoder/1/attention/output/kernel")
        np.testing.assert_array_equal(session.run(variable), expected)
