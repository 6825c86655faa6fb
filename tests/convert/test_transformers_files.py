"""Files of transformers' TensorFlow and Flax classes are read like the tf1 checkpoints of the same weights."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from twins import assert_converts_alike, assert_equal

from bertferry.convert import ConversionOptions, convert_checkpoint, diff_checkpoints, open_checkpoint
from bertferry.convert.command import main
from bertferry.convert.readers.keras2 import _without_scope

TWINS = {
    "hf_tf_pretrain_L2": "tf1_pretrain_L2",
    "hf_tf_core_L2_second": "tf1_core_L2",
    "hf_tf_core_L2_sharded": "tf1_core_L2",
    "hf_tf_v2.2.2_squad_L2": "tf1_squad_L2",
    "hf_tf_safetensors_pretrain_L2": "tf1_pretrain_L2",
    "hf_flax_safetensors_core_L2": "tf1_core_L2",
    "hf_flax_pretrain_L2": "tf1_pretrain_L2",
    "hf_flax_core_L2_sharded": "tf1_core_L2",
    "hf_flax_core_L2_bfloat16": "tf1_core_L2",
    "hf_flax_core_L2_chunked": "tf1_core_L2",
}


@pytest.mark.parametrize("name", TWINS)
def test_every_tensor_equals_its_twin(golden, name):
    checkpoint, twin = open_checkpoint(golden / name), open_checkpoint(golden / TWINS[name])
    assert checkpoint.layout.name == f"huggingface_{name.split('_')[1]}"
    assert checkpoint.heads == twin.heads
    assert_equal(checkpoint, twin, bfloat16="bfloat16" in name)


@pytest.mark.parametrize("name", ["hf_tf_pretrain_L2", "hf_flax_pretrain_L2"])
@pytest.mark.parametrize("target", ["keras_bert", "tf1", "huggingface"])
def test_it_converts_like_its_twin(golden, tmp_path, capfd, name, target):
    assert_converts_alike(golden / name, golden / TWINS[name], tmp_path, target, capfd)


def copy(golden, tmp_path) -> Path:
    return Path(shutil.copytree(golden / "hf_tf_pretrain_L2", tmp_path / "source"))


def test_the_embeddings_that_the_language_model_repeats_must_be_equal(golden, tmp_path, one_line):
    checkpoint = open_checkpoint(golden / "hf_tf_pretrain_L2")
    assert len(checkpoint.match.copies) == 5
    source = copy(golden, tmp_path)
    with h5py.File(source / "tf_model.h5", "r+") as file:
        repeated = "mlm___cls/tf_bert_for_pre_training/bert/embeddings/word_embeddings/weight:0"
        file[repeated][3, 2] += 1
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 1
    one_line("mlm___cls/bert/embeddings/word_embeddings/weight:0 differs from bert/embeddings")


def test_the_bias_that_tensorflows_albert_adds_is_taken(golden):
    """Of its two biases: with the other one, the outputs of the class differ, with this one by at most 1.8e-7."""
    with h5py.File(golden / "hf_tf_albert_mlm_L2" / "tf_model.h5") as file:
        head = file["predictions/tf_albert_for_masked_lm/predictions"]
        unused, used = head["bias:0"][()], head["decoder/bias:0"][()]
    checkpoint = open_checkpoint(golden / "hf_tf_albert_mlm_L2")
    assert not np.array_equal(used, unused)
    np.testing.assert_array_equal(checkpoint.read("mlm/bias"), used)
    assert checkpoint.match.skipped == {
        "predictions/bias:0": "not used: the model adds predictions/decoder/bias:0"
    }


def test_a_checkpoint_of_a_tensorflow_class_is_read_by_its_variables(golden, tmp_path, capfd):
    """`model.save_weights("model")` names attributes, whose variables have the names of `tf_model.h5`."""
    assert diff_checkpoints(golden / "hf_tf_weights_cls_L2", golden / "tf1_cls_L2").equal
    assert_converts_alike(golden / "hf_tf_weights_cls_L2", golden / "tf1_cls_L2", tmp_path, "tf1", capfd)


def test_a_keras_model_around_a_tensorflow_class(golden, tmp_path, one_line):
    source, out = golden / "hf_tf_around_L2", str(tmp_path / "out")
    assert main(["--input", str(source), "--output", out, "--to", "tf1"]) == 1
    one_line("unexpected model/layer_with_weights-1/bias, .*: give --task encoder to take the encoder alone")
    convert_checkpoint(source, out, ConversionOptions("tf1", "encoder"))
    written, twin = open_checkpoint(out), open_checkpoint(golden / "tf1_cls_L2")
    for parameter in written.parameters:
        np.testing.assert_array_equal(written.read(parameter), twin.read(parameter))


def test_a_whole_model_saved_with_its_optimizer(golden, tmp_path):
    """`model.save("x.h5")` of Keras 2 has the weights one level down."""
    source = copy(golden, tmp_path)
    with h5py.File(source / "tf_model.h5") as weights, h5py.File(source / "model.h5", "w") as whole:
        for name in weights:
            weights.copy(name, whole.require_group("model_weights"))
        whole["optimizer_weights/Adam/bert/pooler/dense/kernel/m:0"] = np.zeros(3)
    (source / "tf_model.h5").unlink()
    checkpoint = open_checkpoint(source)
    assert checkpoint.heads == ("mlm", "nsp")
    assert list(checkpoint.match.skipped.values()) == ["optimizer state"]


def test_float16_and_double_weights(golden, tmp_path):
    source = copy(golden, tmp_path)
    with h5py.File(source / "tf_model.h5", "r+") as file:
        place = file["bert/tf_bert_for_pre_training/bert/pooler/dense"]
        for name, dtype in (("kernel:0", "<f2"), ("bias:0", ">f8")):
            value = place[name][()].astype(dtype)
            del place[name]
            place[name] = value
    checkpoint = open_checkpoint(source)
    assert checkpoint.read("pooler/kernel").dtype == np.float16
    assert checkpoint.read("pooler/bias").dtype == np.float64
    assert checkpoint.read("pooler/bias").dtype.isnative


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["bert/scope/bert/a:0", "cls/scope/cls/b:0", "cls/scope/bert/a:0"],
            ["bert/a:0", "cls/b:0", "cls/bert/a:0"],
        ),
        (["bert/bert/a:0"], ["bert/a:0"]),
        (["bert/bert/bert/a:0", "head/bert/head/b:0"], ["bert/a:0", "head/b:0"]),
        (["main/main/bert/pooler/dense/a:0", "dense/dense/b:0"], ["main/bert/pooler/dense/a:0", "dense/b:0"]),
        (["encoder/my/encoder/a:0", "encoder/my/encoder/encoder/b:0"], ["encoder/a:0", "encoder/encoder/b:0"]),
    ],
)
def test_the_scope_is_what_precedes_the_layer_in_every_name(names, expected):
    assert _without_scope(names) == expected


def external(file, path):
    path.with_name("elsewhere").write_bytes(bytes(32))
    file.create_dataset("bert/secret:0", (8,), "f4", external=[(str(path.with_name("elsewhere")), 0, 32)])


def linked(file, path):
    file["bert/secret:0"] = h5py.ExternalLink(str(path.with_name("elsewhere.h5")), "x")


def virtual(file, path):
    layout = h5py.VirtualLayout((8,), "f4")
    layout[:] = h5py.VirtualSource(str(path.with_name("elsewhere.h5")), "x", (8,))
    file.create_virtual_dataset("bert/secret:0", layout)


def unwritten(file, path):
    file.create_dataset("bert/secret:0", (10**6, 10**6), "f4")


def unwritten_chunks(file, path):
    file.create_dataset("bert/secret:0", (10**6, 10**6), "f4", chunks=(100, 100), compression=9)


@pytest.mark.parametrize(
    ("plant", "text"),
    [
        (external, "refused: its tensor bert/secret:0 is stored in another file"),
        (linked, "refused: its tensor bert/secret:0 is stored in another file"),
        (virtual, "refused: its tensor bert/secret:0 is stored in another file"),
        (unwritten, "its tensor bert/secret:0 is not stored in full"),
        (unwritten_chunks, "its tensor bert/secret:0 is not stored in full"),
    ],
)
def test_datasets_that_are_elsewhere_or_nowhere_are_refused(golden, tmp_path, one_line, plant, text):
    source = copy(golden, tmp_path)
    with h5py.File(source / "tf_model.h5", "r+") as file:
        plant(file, source / "tf_model.h5")
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 1
    one_line(text)


def test_a_truncated_file_is_damaged(golden, tmp_path, one_line):
    source = copy(golden, tmp_path)
    content = (source / "tf_model.h5").read_bytes()
    (source / "tf_model.h5").write_bytes(content[:40_000])
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 1
    one_line("tf_model.h5: not a readable HDF5 file")


def test_a_missing_shard_is_named(golden, tmp_path, one_line):
    source = Path(shutil.copytree(golden / "hf_tf_core_L2_sharded", tmp_path / "source"))
    (source / "tf_model-00002-of-00002.h5").unlink()
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 1
    one_line("tf_model.h5.index.json: its file tf_model-00002-of-00002.h5 is missing")


def test_an_index_names_files_of_its_own_folder_only(golden, tmp_path, one_line):
    source = Path(shutil.copytree(golden / "hf_tf_core_L2_sharded", tmp_path / "source"))
    (source / "tf_model.h5.index.json").write_text(json.dumps({"weight_map": {"a": "../secret.h5"}}))
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 1
    one_line(r"its file \.\./secret\.h5 is missing")
