"""Damaged bytes are noticed, wherever they are, in bounded time and memory."""

import json
import os
import random
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from judges import tf

from bertferry.convert import converter, open_checkpoint
from bertferry.convert.checkpoint import same_bits
from bertferry.convert.command import main

PREFIX = "bert_model.ckpt"
DATA = f"{PREFIX}.data-00000-of-00001"
INDEX = f"{PREFIX}.index"


@pytest.fixture
def source(golden, tmp_path) -> Path:
    """A writable copy of a tf1 checkpoint with heads, optimizer slots and a step."""
    return Path(shutil.copytree(golden / "tf1_pretrain_L2", tmp_path / "source"))


def assert_one_line_on_stderr(capfd) -> None:
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err


def assert_refused_or_unchanged(source, golden, tmp_path, capfd) -> None:
    """Exit code 1 or 2 with one line, or an output that equals what the sound source gives."""
    code = main(["--input", str(source), "--output", str(tmp_path / "out"), "--to", "tf1"])
    if code:
        assert code in (1, 2)
        assert_one_line_on_stderr(capfd)
        assert not (tmp_path / "out").exists()
        return
    written, sound = open_checkpoint(tmp_path / "out"), open_checkpoint(golden / "tf1_pretrain_L2")
    assert written.parameters == sound.parameters
    report = json.loads((tmp_path / "out" / "conversion_report.json").read_text())
    assert report["skipped"] == sound.match.skipped
    for parameter in sound.parameters:
        assert same_bits(written.read(parameter), sound.read(parameter)), parameter


@pytest.mark.slow
@pytest.mark.parametrize("case", range(200))
def test_a_flipped_bit_is_noticed_or_changes_nothing(golden, source, tmp_path, capfd, case):
    """Of data or index, of skipped tensors too; some bytes of an index matter to nothing."""
    rng = random.Random(case)
    path = source / rng.choice([DATA, INDEX])
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    assert_refused_or_unchanged(source, golden, tmp_path, capfd)


@pytest.mark.slow
@pytest.mark.parametrize("case", range(50))
def test_a_truncated_file_is_refused(source, tmp_path, capfd, case):
    rng = random.Random(case)
    path = source / rng.choice([DATA, INDEX, "bert_config.json"])
    os.truncate(path, rng.randrange(path.stat().st_size - 1))  # the last byte of the configuration ends its line
    assert main(["--input", str(source), "--output", str(tmp_path / "out"), "--to", "tf1"]) in (1, 2)
    assert_one_line_on_stderr(capfd)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("case", range(50))
def test_random_bytes_are_no_checkpoint(source, tmp_path, capfd, case):
    rng = random.Random(case)
    path = source / rng.choice([DATA, INDEX, "bert_config.json"])
    path.write_bytes(rng.randbytes(rng.choice([0, 1, 47, 48, 100, 5000])))
    assert main(["--input", str(source), "--output", str(tmp_path / "out"), "--to", "tf1"]) in (1, 2)
    assert_one_line_on_stderr(capfd)


@pytest.mark.slow
@pytest.mark.parametrize("case", range(100))
def test_a_damaged_safetensors_header_is_refused(golden, tmp_path, capfd, case):
    """Flips in its data cannot be seen: the format has no checksums. Flips in the header must not crash."""
    main(["--input", str(golden / "tf1_core_L2"), "--output", str(tmp_path / "source"), "--to", "huggingface"])
    capfd.readouterr()
    path = tmp_path / "source" / "model.safetensors"
    content = bytearray(path.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    rng = random.Random(case)
    content[rng.randrange(header)] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    code = main(["--input", str(tmp_path / "source"), "--output", str(tmp_path / "out"), "--to", "tf1"])
    if code == 0:  # a blank that pads the header, or its metadata
        written, sound = open_checkpoint(tmp_path / "out"), open_checkpoint(golden / "tf1_core_L2")
        assert all(same_bits(written.read(name), sound.read(name)) for name in sound.parameters)
    else:
        assert code in (1, 2)
        assert_one_line_on_stderr(capfd)


def test_an_index_of_another_checkpoint(golden, source, tmp_path, one_line):
    shutil.copy(golden / "tf1_core_L2" / INDEX, source / INDEX)
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 1
    one_line("tensor bert/.* is damaged: .*[Cc]hecksum")


def test_swapped_shards(golden, tmp_path, capfd, one_line):
    """Two shards under each other's names: every checksum is of other bytes."""
    reader = tf.train.load_checkpoint(str(golden / "tf1_core_L2" / PREFIX))
    names = sorted(reader.get_variable_to_shape_map())
    parts = []
    for number, some in enumerate((names[:20], names[20:])):
        parts.append(str(tmp_path / f"part{number}"))
        values = [tf.constant(reader.get_tensor(name)) for name in some]
        tf.raw_ops.SaveV2(prefix=parts[-1], tensor_names=some, shape_and_slices=[""] * len(some), tensors=values)
    source = tmp_path / "source"
    source.mkdir()
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=parts, destination_prefix=str(source / PREFIX), delete_old_dirs=False
    )
    shutil.copy(golden / "tf1_core_L2" / "bert_config.json", source)
    assert main(["--input", str(source), "--inspect"]) == 0
    first, second = (source / f"{PREFIX}.data-{number:05}-of-00002" for number in range(2))
    first.rename(source / "aside")
    second.rename(first)
    (source / "aside").rename(second)
    capfd.readouterr()
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 1
    one_line("tensor bert/.* is damaged")


@pytest.mark.parametrize(("to", "offset"), [("tf1", 0), ("keras_bert", 0), ("huggingface", -1)])
def test_damage_while_writing_is_noticed(golden, tmp_path, monkeypatch, one_line, to, offset):
    """The offset is that of a tensor's byte."""
    write = converter.write_tensors

    def write_badly(directory, *arguments):
        written = write(directory, *arguments)
        path = next(file for file in directory.iterdir() if file.name in (DATA, "model.safetensors"))
        content = bytearray(path.read_bytes())
        content[offset] ^= 1
        path.write_bytes(content)
        return written

    monkeypatch.setattr(converter, "write_tensors", write_badly)
    arguments = ["--input", str(golden / "tf1_core_L2"), "--output", str(tmp_path / "out"), "--to", to]
    assert main(arguments) == 1
    one_line("read-back mismatch: .* differs from its source|tensor .* is damaged: its checksum")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["model.npy", "README.md", "bert_model.ckpt.data-00000-of-00001", "weights.npz"])
def test_a_file_that_is_no_checkpoint(tmp_path, one_line, name):
    (tmp_path / name).write_bytes(b"no checkpoint")
    assert main(["--input", str(tmp_path / name), "--output", str(tmp_path / "out")]) == 2
    one_line("no such checkpoint|not read: a file of NumPy|no weights in a format that is read")


def test_a_header_that_claims_much_is_refused_in_bounded_memory(golden, tmp_path):
    """A safetensors file whose header says terabytes, under a limit of address space."""
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(golden / "tf1_core_L2" / "bert_config.json", source / "bert_config.json")
    config = json.loads((source / "bert_config.json").read_text())
    (source / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
    for header in (
        (10**13).to_bytes(8, "little"),
        b'{"embeddings.word_embeddings.weight":{"dtype":"F32","shape":[1000000000,1000],"data_offsets":[0,4]}}',
    ):
        text = header if len(header) == 8 else len(header).to_bytes(8, "little") + header + bytes(4)
        (source / "model.safetensors").write_bytes(text)
        run = subprocess.run(
            [
                sys.executable,
                "-c",
                "from bertferry.convert.command import run; run()",
                "--input",
                source,
                "--inspect",
            ],
            capture_output=True,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31)),
            timeout=60,
        )
        assert run.returncode == 1, run.stderr
        assert run.stderr.count("\n") == 1
        assert "not a complete safetensors file" in run.stderr


def test_infinities_and_nans_are_carried_as_they_are(golden, tmp_path):
    source = shutil.copytree(golden / "tf1_core_L2", tmp_path / "source")
    reader = tf.train.load_checkpoint(str(source / PREFIX))
    tensors = {name: np.array(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map()}
    tensors["bert/pooler/dense/bias"][:4] = [np.nan, np.inf, -np.inf, -0.0]
    tf.raw_ops.SaveV2(
        prefix=str(source / PREFIX),
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tf.constant(value) for value in tensors.values()],
    )
    assert main(["--input", str(source), "--output", str(tmp_path / "out"), "--to", "huggingface"]) == 0
    assert same_bits(open_checkpoint(tmp_path / "out").read("pooler/bias"), tensors["bert/pooler/dense/bias"])
