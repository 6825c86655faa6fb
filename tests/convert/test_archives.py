"""Archives as released are read; hostile ones write nothing outside their folder."""

import io
import os
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bertferry.convert import archive, convert_checkpoint, open_checkpoint
from bertferry.convert.checkpoint import same_bits
from bertferry.convert.command import main
from bertferry.core.errors import UsageError

COMPRESSION = {".gz": "gz", ".tgz": "gz", ".xz": "xz", ".bz2": "bz2"}


def pack(source: Path, path: Path, folder: str = "uncased_L-2_H-8_A-2") -> Path:
    """The files of a directory as google-research/bert released them, in a folder of the archive."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in source.iterdir():
                packed.write(file, f"{folder}/{file.name}")
    else:
        mode: Any = f"w:{COMPRESSION.get(path.suffix, '')}"
        with tarfile.open(path, mode) as packed:
            packed.add(source, folder)
    return path


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Where archives are unpacked: a folder of this test's own."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("suffix", ["zip", "tar.gz", "tgz", "tar", "tar.xz", "tar.bz2"])
def test_a_released_archive_converts_and_leaves_nothing(golden, tmp_path, scratch, suffix):
    path = pack(golden / "third_party_keras_bert", tmp_path / f"bert.{suffix}")
    report = convert_checkpoint(path, tmp_path / "out")
    assert report.vocabulary
    written, source = open_checkpoint(tmp_path / "out"), open_checkpoint(golden / "third_party_keras_bert")
    for parameter in written.parameters:
        assert same_bits(written.read(parameter), source.read(parameter))
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(("made", "given"), [("bert.zip", "bert.tar.gz"), ("bert.tar.gz", "bert.zip")])
def test_the_content_tells_what_a_renamed_archive_is(golden, tmp_path, made, given):
    pack(golden / "third_party_keras_bert", tmp_path / made).rename(tmp_path / given)
    assert open_checkpoint(tmp_path / given).location.path.name == "bert_model.ckpt"


def test_a_tar_may_end_like_a_zip(golden, tmp_path):
    source = golden / "hf_bin_core_L2"
    with tarfile.open(tmp_path / "bert.tar", "w") as packed:
        for name in ("config.json", "pytorch_model.bin"):
            packed.add(source / name, name)
    assert zipfile.is_zipfile(tmp_path / "bert.tar")
    assert open_checkpoint(tmp_path / "bert.tar").location.path.name == "pytorch_model.bin"


def test_messages_name_the_archive(golden, tmp_path, one_line):
    with zipfile.ZipFile(tmp_path / "bert.zip", "w") as packed:
        packed.write(golden / "hf_bin_core_L2/pytorch_model.bin", "pytorch_model.bin")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as packed:
        packed.write(tmp_path / "bert.zip", "bert.zip")
    assert main(["--input", str(tmp_path / "bert.zip"), "--output", str(tmp_path / "out")]) == 2
    one_line("bert.zip/pytorch_model.bin: no configuration found")
    assert main(["--input", str(tmp_path / "outer.zip"), "--output", str(tmp_path / "out")]) == 2
    one_line("outer.zip: contains no checkpoint: .*, but the archive bert.zip: unpack it")


def zip_with(path, name, content=b"x", mode=0o100644):
    with zipfile.ZipFile(path, "w") as packed:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        packed.writestr(info, content)


def tar_with(path, name, kind=tarfile.REGTYPE, link=""):
    with tarfile.open(path, "w") as packed:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        member.size = 1 if kind == tarfile.REGTYPE else 0
        packed.addfile(member, io.BytesIO(b"x"))


HOSTILE = {
    "climbing zip": ("a.zip", lambda path: zip_with(path, "../../escaped"), "leads outside"),
    "climbing backslashes": ("a.zip", lambda path: zip_with(path, "..\\..\\escaped"), "leads outside"),
    "absolute zip": ("a.zip", lambda path: zip_with(path, "/tmp/escaped"), "leads outside"),
    "drive": ("a.zip", lambda path: zip_with(path, "C:/escaped"), "leads outside"),
    "linking zip": ("a.zip", lambda path: zip_with(path, "l", b"/etc/passwd", 0o120777), "link or a device"),
    "climbing tar": ("a.tar", lambda path: tar_with(path, "a/../../escaped"), "leads outside"),
    "absolute tar": ("a.tar", lambda path: tar_with(path, "/tmp/escaped"), "leads outside"),
    "symbolic link": ("a.tar", lambda path: tar_with(path, "l", tarfile.SYMTYPE, "/etc"), "link or a device"),
    "hard link": ("a.tar", lambda path: tar_with(path, "l", tarfile.LNKTYPE, "/etc/passwd"), "link or a device"),
    "device": ("a.tar", lambda path: tar_with(path, "d", tarfile.CHRTYPE), "link or a device"),
    "fifo": ("a.tar", lambda path: tar_with(path, "f", tarfile.FIFOTYPE), "link or a device"),
    "nothing in it": ("a.zip", lambda path: zip_with(path, "readme.txt"), "contains no checkpoint"),
}


@pytest.mark.parametrize(("name", "make", "line"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_archive_writes_nothing_outside(tmp_path, scratch, one_line, name, make, line):
    make(tmp_path / name)
    before = sorted(tmp_path.rglob("*"))
    assert main(["--input", str(tmp_path / name), "--output", str(tmp_path / "out")]) == 2
    one_line(line)
    assert sorted(tmp_path.rglob("*")) == before
    assert not Path("/tmp/escaped").exists()


def test_a_bomb_is_stopped_while_it_unpacks(tmp_path, scratch, one_line, monkeypatch):
    """What it declares does not matter: the bytes are counted as they come."""
    monkeypatch.setattr(archive, "MAX_BYTES", 2**20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("bert_model.ckpt.index", bytes(64 * 2**20))
    assert main(["--input", str(tmp_path / "bomb.zip"), "--output", str(tmp_path / "out")]) == 2
    one_line("larger than any checkpoint of its size")
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", ["bert.zip", "bert.tar.gz"])
def test_a_damaged_archive_is_one_line(golden, tmp_path, scratch, one_line, name):
    path = pack(golden / "tf1_core_L2", tmp_path / name)
    os.truncate(path, path.stat().st_size // 2)
    assert main(["--input", str(path), "--output", str(tmp_path / "out")]) == 1
    one_line(f"{name}: not a complete archive")
    assert list(scratch.iterdir()) == []


def test_several_checkpoints_in_an_archive_are_named(golden, tmp_path, scratch, one_line):
    with tarfile.open(tmp_path / "two.tar", "w") as packed:
        packed.add(golden / "tf1_core_L2", "one")
        packed.add(golden / "tf1_cls_L2", "other")
    assert main(["--input", str(tmp_path / "two.tar"), "--output", str(tmp_path / "out")]) == 2
    one_line(r"contains several checkpoints \(one, other\): unpack it and name one")


def test_names_that_no_folder_can_hold_are_not_called_incomplete(tmp_path, scratch):
    with tarfile.open(tmp_path / "bert.tar", "w") as packed:
        for name in ("model", "model/bert.index"):
            packed.addfile(tarfile.TarInfo(name))
    with pytest.raises(UsageError, match=r"bert.tar: cannot be unpacked: (File exists|Not a directory)"):
        open_checkpoint(tmp_path / "bert.tar")
    assert list(scratch.iterdir()) == []


def test_a_full_temporary_folder_is_not_blamed_on_the_archive(golden, tmp_path, scratch):
    path = pack(golden / "third_party_keras_bert", tmp_path / "bert.zip")
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(scratch)], capture_output=True
    ).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        with pytest.raises(UsageError, match=f"bert.zip: no room to unpack it in {scratch}: set TMPDIR"):
            open_checkpoint(path)
        assert list(scratch.iterdir()) == []
    finally:
        subprocess.run(["umount", str(scratch)], check=True)


def test_an_encrypted_archive_is_said_to_be_one(tmp_path, scratch, one_line):
    zip_with(tmp_path / "a.zip", "model.safetensors")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + flags] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    assert main(["--input", str(tmp_path / "a.zip"), "--output", str(tmp_path / "out")]) == 2
    one_line("a.zip: its entry model.safetensors is encrypted")
    assert list(scratch.iterdir()) == []
