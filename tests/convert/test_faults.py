"""Every fault of an input gives one line that names file and tensor, the right exit code, and no output."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from rewriting import rewrite

from bertferry.convert.command import main

DATA = "bert_model.ckpt.data-00000-of-00001"


@pytest.fixture
def source(golden, tmp_path) -> Path:
    """A writable copy of a sound tf1 checkpoint."""
    return Path(shutil.copytree(golden / "tf1_core_L2", tmp_path / "source"))


def edit_config(directory: Path, **values) -> None:
    path = directory / "bert_config.json"
    config = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def flip_byte(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x40
    path.write_bytes(content)


def truncate(directory: Path) -> None:
    os.truncate(directory / DATA, (directory / DATA).stat().st_size // 2)


def empty_index(directory: Path) -> None:
    (directory / "bert_model.ckpt.index").write_bytes(b"")


FAULTS = {
    "truncated data": (truncate, 1, "bert_model.ckpt: tensor bert/.* is damaged"),
    "an index without its data": (lambda d: (d / DATA).unlink(), 1, f"index: its data file {DATA} is missing"),
    "flipped byte": (lambda d: flip_byte(d / DATA, 100), 1, "tensor bert/.* is damaged: .*[Cc]hecksum"),
    "an empty index": (empty_index, 1, "bert_model.ckpt.index: not a readable checkpoint index"),
    "missing tensor": (
        lambda d: rewrite(d, lambda t: t.pop("bert/pooler/dense/bias")),
        1,
        "read as tf1: missing bert/pooler/dense/bias",
    ),
    "extra tensor": (
        lambda d: rewrite(d, lambda t: t.update({"bert/extra": np.zeros(3, np.float32)})),
        1,
        "read as tf1: unexpected bert/extra",
    ),
    "renamed tensor": (
        lambda d: rewrite(
            d,
            lambda t: t.update(
                {"bert/embeddings/layer_normalization/beta": t.pop("bert/embeddings/LayerNorm/beta")}
            ),
        ),
        1,
        r"missing bert/embeddings/LayerNorm/beta; unexpected bert/embeddings/layer_normalization/beta "
        r"\(nearest known: bert/embeddings/LayerNorm/beta\)",
    ),
    "another vocabulary in the configuration": (
        lambda d: edit_config(d, vocab_size=28),
        1,
        r"has shape \[30, 8\].*; vocab_size is 28 in the configuration, but 30 in the tensors",
    ),
    "misshapen tensor": (
        lambda d: rewrite(d, lambda t: t.update({"bert/pooler/dense/bias": np.zeros(7, np.float32)})),
        1,
        r"bert/pooler/dense/bias has shape \[7\], expected \[8\]",
    ),
    "a table of integers": (
        lambda d: rewrite(d, lambda t: t.update({"bert/pooler/dense/bias": np.zeros(8, np.int32)})),
        1,
        "bert/pooler/dense/bias is int32, expected a floating-point type",
    ),
    "an indivisible hidden size": (
        lambda d: edit_config(d, num_attention_heads=3),
        2,
        "bert_config.json: num_attention_heads 3 does not divide hidden_size 8",
    ),
    "no head count": (
        lambda d: edit_config(d, num_attention_heads=None),
        2,
        "bert_config.json: num_attention_heads missing",
    ),
    "unknown activation": (
        lambda d: edit_config(d, hidden_act="prelu"),
        2,
        "bert_config.json: unknown activation: hidden_act is 'prelu'",
    ),
    "broken configuration": (
        lambda d: (d / "bert_config.json").write_text("{"),
        2,
        "bert_config.json: not a readable JSON configuration",
    ),
    "no configuration": (
        lambda d: (d / "bert_config.json").unlink(),
        2,
        "no configuration found, and the tensors show only the sizes: "
        "give --num-attention-heads N and --activation NAME, or --config FILE",
    ),
    "fewer layers in the configuration": (
        lambda d: edit_config(d, num_hidden_layers=1),
        1,
        "unexpected bert/encoder/layer_1/.* and 13 more",
    ),
    "a vocabulary of another length": (
        lambda d: (d / "vocab.txt").write_text("token\n" * 31),
        1,
        r"vocab.txt: 31 tokens, but the token embedding table has 30 rows",
    ),
    "another model": (
        lambda d: rewrite(d, lambda t: (t.clear(), t.update({"conv/kernel": np.zeros(3, np.float32)}))),
        1,
        "no known layout: .*; this file has conv/kernel",
    ),
}


@pytest.mark.parametrize(("fault", "code", "line"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_input_gives_one_line_and_no_output(source, tmp_path, capfd, one_line, fault, code, line):
    fault(source)
    capfd.readouterr()
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == code
    one_line(line)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_a_head_count_against_three_dimensional_kernels(golden, tmp_path, one_line):
    source = shutil.copytree(golden / "keras_bert_L2_21", tmp_path / "source")
    edit_config(source, num_attention_heads=4)
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 1
    one_line(r"has shape \[8, 2, 4\], expected \[8, 4, 2\].*; the tensors show 2 heads: check num_attention_heads")


def test_the_head_count_is_not_blamed_for_a_kernel_of_another_width(golden, tmp_path, one_line):
    source = shutil.copytree(golden / "keras_bert_L2_21", tmp_path / "source")
    edit_config(source, hidden_size=16, num_attention_heads=4)
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 1
    one_line(r"has shape .* more\n$")


def test_an_existing_output_is_kept_unless_overwritten(golden, tmp_path, one_line):
    output = tmp_path / "out"
    output.mkdir()
    (output / "precious").write_text("kept")
    arguments = ["--input", str(golden / "tf1_core_L2"), "--output", str(output)]
    assert main(arguments) == 2
    one_line("out already exists: .*--overwrite")
    assert [path.name for path in output.iterdir()] == ["precious"]
    assert main([*arguments, "--overwrite"]) == 0
    assert not (output / "precious").exists()
    assert (output / "bert_model.ckpt.index").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_leaves_nothing(golden, tmp_path, one_line):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)], capture_output=True
    ).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        assert main(["--input", str(golden / "tf1_core_L2"), "--output", str(disk / "out")]) == 2
        one_line("out: no space left on the device")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--output", "out"], "--input PATH is missing"),
        (["--input", "nowhere"], "--output DIR is missing"),
        (["--input", "nowhere", "--output", "out"], "nowhere: no such checkpoint"),
        (["--input", "nowhere.safetensors", "--output", "out"], "nowhere.safetensors: no such file"),
        (["--input", ".", "--output", "out"], "no checkpoint here"),
        (["--input", "model.bin", "--output", "out"], "model.bin: no such file"),
        (
            ["--input", "nowhere", "--output", "out", "--to", "onnx"],
            "unknown target layout 'onnx': expected one of",
        ),
        (["--input", "{golden}", "--output", "out", "--from", "tf2"], "unknown layout 'tf2': expected one of"),
        (
            ["--input", "{golden}", "--output", "out", "--from", "keras_bert"],
            "unlike those of any",
        ),
        (["--input", "{golden}", "--output", "out", "--config", "none.json"], "none.json: no such configuration"),
        (["--input", "{golden}", "--output", "out", "--json", "no/such/dir.json"], "no/such/dir.json: cannot be"),
    ],
)
def test_wrong_arguments(golden, tmp_path, monkeypatch, one_line, arguments, line):
    monkeypatch.chdir(tmp_path)
    arguments = [argument.format(golden=golden / "tf1_core_L2") for argument in arguments]
    assert main(arguments) in (1, 2)
    one_line(line)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--no-such-flag"], "--no-such-flag"),
        (["--verbosity=foo"], "verbosity"),
        (["--task", "nonsense"], "--task"),
    ],
)
def test_a_wrong_flag_is_one_line(capfd, arguments, named):
    assert main(arguments) == 2
    err = capfd.readouterr().err
    assert re.fullmatch(rf"convert-checkpoint: .*{named}.*: see --help\n", err)


def test_a_task_that_the_source_lacks_names_what_is_missing(golden, tmp_path, one_line):
    arguments = ["--input", str(golden / "tf1_core_L2"), "--output", str(tmp_path / "out"), "--task", "classifier"]
    assert main(arguments) == 1
    one_line("missing classifier/kernel, classifier/bias")


def test_inspecting_shows_what_is_wrong_where_converting_refuses(source, capsys):
    """Patched trainers wrote layer_normalization_k for LayerNorm."""

    def patch(tensors):
        for weight in ("gamma", "beta"):
            value = tensors.pop(f"bert/encoder/layer_1/output/LayerNorm/{weight}")
            tensors[f"bert/encoder/layer_1/output/layer_normalization_4/{weight}"] = value

    rewrite(source, patch)
    assert main(["--input", str(source), "--inspect"]) == 1
    out = capsys.readouterr().out
    missing, found = (
        f"bert/encoder/layer_1/output/{name}/gamma" for name in ("LayerNorm", "layer_normalization_4")
    )
    assert f"WRONG       missing {missing}" in out
    assert re.search(rf"  {found} .* \(UNEXPECTED; nearest known: {missing}\)", out)
