"""Genuine checkpoints of every layout convert into each other bit for bit."""

import json
from dataclasses import replace

import numpy as np
import pytest
from judges import tf

from bertferry.convert import ConversionOptions, convert_checkpoint, diff_checkpoints, open_checkpoint
from bertferry.convert.checkpoint import same_bits

GROUPS = {
    "encoder": {
        "tf1": "tf1_core_L2",
        "tf_20": "tf_20_model_L2_2D_20",
        "tf_20_3d": "tf_20_model_L2_3D_20",
        "keras_bert": "keras_bert_L2_21",
        "garden_v1": "garden2.20.0_L2",
        "garden_v2": "garden2.20.0_L2_V2",
    },
    "classifier": {"tf1": "tf1_cls_L2", "tf_20": "tf_20_cls_L2", "keras_bert": "keras_bert_L2_21_cls"},
    "span": {"tf1": "tf1_squad_L2", "tf_20": "tf_20_squad_L2", "keras_bert": "keras_bert_L2_21_span"},
    "pretrainer": {"tf1": "tf1_pretrain_L2", "tf_20": "tf_20_pre_L2", "keras_bert": "keras_bert_L2_21_pre"},
}
FURTHER_SOURCES = {"encoder": ("tf_20_layer_L2_2D_20", "garden2.4.0_L2", "keras_core_heads2_L2")}
CASES = [
    (source, target, task)
    for task, folders in GROUPS.items()
    for source in (*folders.values(), *FURTHER_SOURCES.get(task, ()))
    for target in folders
]
WORD_TABLE_SHARED = "layer_with_weights-1/embedding_table"
WORD_TABLE = "layer_with_weights-0/embedding_lookup/embeddings"
"""Where a tf_20 pretrainer of 2019 stored its token embedding table, and a longer path to it in the graph."""
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
    report = convert_checkpoint(golden / source, tmp_path / "out", ConversionOptions(to=target, task=task))
    got = stored_tensors(tmp_path / "out")
    want = stored_tensors(golden / GROUPS[task][target])
    assert {name.replace(WORD_TABLE_SHARED, WORD_TABLE) for name in want} == got.keys()
    for name, value in want.items():
        written = got[name.replace(WORD_TABLE_SHARED, WORD_TABLE)]
        assert written.dtype == value.dtype
        assert written.tobytes() == value.tobytes(), name
    assert report.source_layout == open_checkpoint(golden / source).layout.name


def test_the_report_accounts_for_every_tensor(golden, tmp_path):
    convert_checkpoint(golden / "tf1_pretrain_L2", tmp_path / "out", ConversionOptions(task="pretrainer"))
    report = json.loads((tmp_path / "out" / "conversion_report.json").read_text())
    reader = tf.train.load_checkpoint(str(golden / "tf1_pretrain_L2" / "bert_model.ckpt"))
    reported = {row["source"] for row in report["tensors"]} | set(report["skipped"])
    assert reported == set(reader.get_variable_to_shape_map())
    assert report["skipped"]["global_step"] == "step counter"
    assert {row["bytes"] for row in report["tensors"] if row["parameter"] == "nsp/kernel"} == {"transposed"}


def test_heads_that_the_target_does_not_hold_are_reported_with_the_way_to_keep_them(golden, tmp_path):
    report = convert_checkpoint(golden / "tf1_squad_L2", tmp_path / "out", ConversionOptions(task="encoder"))
    assert report.heads == ()
    assert report.skipped["cls/squad/output_bias"] == "head span not in the target, kept with --task span"


def test_a_third_party_checkpoint_with_a_vocabulary_converts(golden, tmp_path):
    report = convert_checkpoint(golden / "third_party_keras_bert", tmp_path / "out", ConversionOptions(task="all"))
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


@pytest.mark.parametrize("source", ["garden2.20.0_L2_pre", "garden2.20.0_L2_V2pre"])
def test_garden_pretrainers_hold_the_weights_of_the_golden_pretrainer(golden, tmp_path, source):
    """But for the next-sentence projection: one has none, the other one of its own."""
    checkpoint, expected = open_checkpoint(golden / source), open_checkpoint(golden / "tf1_pretrain_L2")
    assert set(expected.parameters) - set(checkpoint.parameters) <= {"nsp/kernel", "nsp/bias"}
    for parameter in set(checkpoint.parameters) - {"nsp/kernel", "nsp/bias"}:
        assert same_bits(checkpoint.read(parameter), expected.read(parameter)), parameter
    report = convert_checkpoint(golden / source, tmp_path / "out", ConversionOptions(to="tf1"))
    assert report.heads == checkpoint.heads


def test_the_pooler_that_pretraining_trained_is_taken(golden):
    """The next-sentence head of a garden pretrainer pools for itself."""
    checkpoint = open_checkpoint(golden / "garden2.20.0_L2_V2pre")
    assert checkpoint.stored_name("pooler/kernel") == "next_sentence..pooler_dense/kernel"
    assert checkpoint.match.skipped["encoder/_pooler_layer/kernel"].startswith("not trained")


@pytest.mark.parametrize(
    "source", ["cls", "V2cls_own_pooler", "V2cls_h5", "cls_own_pooler_h5", "span_weights", "V2span"]
)
def test_garden_models_for_tasks_are_read_with_their_heads(golden, tmp_path, source):
    path, twin = golden / f"garden2.20.0_L2_{source}", "tf1_squad_L2" if "span" in source else "tf1_cls_L2"
    assert diff_checkpoints(path, golden / twin).equal
    report = convert_checkpoint(path, tmp_path / "out", ConversionOptions(to="huggingface"))
    assert report.heads == (("span",) if "span" in source else ("classifier",))
    untrained = [reason for reason in report.skipped.values() if reason.startswith("not trained")]
    assert len(untrained) == (2 if "own_pooler" in source else 0)


@pytest.mark.parametrize(
    ("source", "to", "flag"),
    [
        ("hf_nsp_L2", "keras_bert", "--to huggingface"),
        ("hf_tf_mlm_L2", "tf_20", "--to huggingface"),
        ("hf_tf_mlm_L2", "garden_v1", "--task mlm"),
        ("hf_bin_pretrain_L2", "keras_bert", "--task pretrainer"),
    ],
)
def test_the_flag_that_would_keep_a_head_does_so(golden, tmp_path, source, to, flag):
    left = convert_checkpoint(golden / source, tmp_path / "a", ConversionOptions(to, init_missing_head=True))
    reasons = {reason for reason in left.skipped.values() if reason.startswith("head ")}
    assert reasons
    assert all(reason.endswith(f"not in the target, kept with {flag}") for reason in reasons)
    name, value = flag.split()
    kept = ConversionOptions(to=value if name == "--to" else to, task=value if name == "--task" else None)
    report = convert_checkpoint(golden / source, tmp_path / "b", replace(kept, init_missing_head=True))
    assert not any(reason.startswith("head ") for reason in report.skipped.values())
