"""Paths as people type them, and folders as they have them."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from bertferry.convert import ConversionOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.command import main
from bertferry.convert.locate import locate

FILES = ("index", "data-00000-of-00001")
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 435779157\n"


@pytest.fixture
def core(golden, tmp_path):
    """A copy of a checkpoint of TF1 with its configuration and a vocabulary."""
    return Path(shutil.copytree(golden / "tf1_core_L2", tmp_path / "m"))


@pytest.fixture(scope="module")
def transformers_folder(golden, tmp_path_factory):
    """The same as a folder of transformers."""
    folder = tmp_path_factory.mktemp("hf") / "core"
    convert_checkpoint(golden / "tf1_core_L2", folder, ConversionOptions(to="huggingface"))
    return folder


def rename(folder, new, old="bert_model.ckpt", kinds=FILES):
    for kind in kinds:
        (folder / f"{old}.{kind}").rename(folder / f"{new}.{kind}")


def steps(folder, *numbers):
    """The checkpoints of a training run, which are all the same."""
    for number in numbers:
        for kind in FILES:
            shutil.copy(folder / f"bert_model.ckpt.{kind}", folder / f"model.ckpt-{number}.{kind}")
    for kind in FILES:
        (folder / f"bert_model.ckpt.{kind}").unlink()


def state(folder, name):
    text = f'model_checkpoint_path: "{name}"\r\nall_model_checkpoint_paths: "{name}"\r\n'
    (folder / "checkpoint").write_bytes(text.encode("utf-8-sig"))


def refusal(capfd, *arguments):
    """What a refused command says: one line."""
    capfd.readouterr()
    assert main([*arguments]) in (1, 2)
    err = capfd.readouterr().err
    assert err.count("\n") == 1, err
    return err


@pytest.mark.parametrize("name", [f"bert_model.ckpt.{kind}" for kind in (*FILES, "meta")])
def test_a_file_of_a_checkpoint_is_its_prefix(core, name):
    (core / "bert_model.ckpt.meta").write_bytes(b"")
    assert locate(core / name).path == core / "bert_model.ckpt"


@pytest.mark.parametrize("name", ["/home/them/model.ckpt-20", "gs://bucket/model.ckpt-20", "model.ckpt-20"])
@pytest.mark.parametrize("given", ["", "checkpoint"])
def test_the_state_file_names_the_latest(core, name, given):
    steps(core, 3, 20, 100)
    state(core, name)
    assert locate(core / given).path == core / "model.ckpt-20"
    assert locate(core / given).notes == ()


def test_without_a_state_file_it_is_the_last_step(core, tmp_path, capsys):
    steps(core, 3, 20, 100)
    assert main(["--input", str(core), "--output", str(tmp_path / "out")]) == 0
    assert "note: there is no file checkpoint: took model.ckpt-100, the last of 3 steps" in capsys.readouterr().out


def test_a_state_file_may_name_what_was_deleted(core):
    steps(core, 3, 20)
    state(core, "model.ckpt-30")
    assert locate(core).notes == (
        "checkpoint names model.ckpt-30, which is not here: took model.ckpt-20, the last of 2 steps",
    )


def test_checkpoints_of_different_names_are_several(core, capfd):
    for kind in FILES:
        shutil.copy(core / f"bert_model.ckpt.{kind}", core / f"best.{kind}")
    assert "several checkpoints: give one of " in refusal(capfd, "--input", str(core), "--inspect")


@pytest.mark.parametrize("name", ["bert_model.ckpt(1)", "bert_model.ckpt (1)"])
def test_a_browser_renames_one_of_two_files(core, capfd, name):
    rename(core, name, kinds=("index",))
    line = refusal(capfd, "--input", str(core), "--inspect")
    assert f"{name}.index: its data file {name}.data-00000-of-00001 is missing" in line
    assert "but there is bert_model.ckpt.data-00000-of-00001: rename one of the two" in line
    assert f"; there is {name}" in refusal(capfd, "--input", str(core / "bert_model.ckpt"), "--inspect")


def test_an_index_downloaded_twice_is_no_second_checkpoint(core):
    shutil.copy(core / "bert_model.ckpt.index", core / "bert_model.ckpt (1).index")
    assert locate(core).path == core / "bert_model.ckpt"


def test_the_home_folder(core, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert locate("~/m").path == core / "bert_model.ckpt"
    config = f"--config=~/m/{'bert_config.json'}"
    assert main(["--input=~/m/bert_model.ckpt", "--output=~/out", config, "--json=~/report.json"]) == 0
    assert (tmp_path / "out/bert_config.json").is_file()
    assert (tmp_path / "report.json").is_file()


@pytest.mark.parametrize(
    "name", ["bert_config_large.json", "bert_config (1).json", "ernie_config.json", "my.config.json"]
)
def test_the_only_configuration_may_have_another_name(core, name):
    (core / "bert_config.json").rename(core / name)
    (core / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    (core / "run_config.json").write_text('{"learning_rate": 5e-5}')
    assert locate(core).config == core / name
    assert locate(core).notes == (f"took the configuration {name}",)


def test_several_configurations_are_named(core, capfd):
    (core / "bert_config.json").rename(core / "bert_config_base.json")
    shutil.copy(core / "bert_config_base.json", core / "bert_config_large.json")
    line = refusal(capfd, "--input", str(core), "--inspect")
    assert "several configurations: give one with --config: bert_config_base.json, bert_config_large.json" in line


def test_a_configuration_stands_for_its_folder(core):
    assert locate(core / "bert_config.json").path == core / "bert_model.ckpt"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_text_files_of_windows(core, encoding):
    config = core / "bert_config.json"
    config.write_bytes(config.read_text().replace("\n", "\r\n").encode(encoding))
    assert open_checkpoint(core).config.vocab_size == 30


@pytest.mark.parametrize("name", [f"bert_model.ckpt.{kind}" for kind in FILES] + ["bert_config.json"])
@pytest.mark.parametrize(
    ("content", "what"), [(POINTER, "a Git LFS pointer .*: run git lfs pull"), ("\n<!DOCTYPE html>", "a web page")]
)
def test_a_file_that_stands_for_another(core, tmp_path, one_line, name, content, what):
    (core / name).write_text(content)
    assert main(["--input", str(core), "--output", str(tmp_path / "out")]) == 1
    one_line(f"{name}: {what}")


@pytest.mark.parametrize("links", ["links", "text"])
@pytest.mark.parametrize("given", ["models--org--tiny", "models--org--tiny/snapshots/0a1b"])
def test_a_folder_of_the_hugging_face_cache(transformers_folder, tmp_path, links, given):
    repository = tmp_path / "models--org--tiny"
    (repository / "blobs").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("0a1b")
    for commit in ("0a1b", "2c3d"):
        (repository / "snapshots" / commit).mkdir(parents=True)
    for number, name in enumerate(("config.json", "model.safetensors", "tokenizer_config.json")):
        shutil.copy(transformers_folder / name, repository / f"blobs/{number:040}")
        link, target = repository / "snapshots/0a1b" / name, f"../../blobs/{number:040}"
        link.symlink_to(target) if links == "links" else link.write_text(target)
    report = convert_checkpoint(tmp_path / given, tmp_path / "out")
    assert len(report.tensors) == 39


def test_a_cache_without_a_branch_names_its_snapshots(tmp_path, capfd):
    for commit in ("0a1b", "2c3d"):
        (tmp_path / "models--org--tiny/snapshots" / commit).mkdir(parents=True)
    line = refusal(capfd, "--input", str(tmp_path / "models--org--tiny"), "--inspect")
    assert "give one of snapshots/: 0a1b, 2c3d" in line
    folder = tmp_path / "models--org--tiny"
    assert f"but in {folder}: give" in refusal(capfd, "--input", str(tmp_path), "--inspect")


def test_the_folders_of_a_training_run_are_named(transformers_folder, tmp_path, capfd):
    for step in (500, 1000):
        shutil.copytree(transformers_folder, tmp_path / f"out/checkpoint-{step}")
    line = refusal(capfd, "--input", str(tmp_path / "out"), "--inspect")
    first = tmp_path / "out" / "checkpoint-500"
    assert f"no checkpoint here: neither a *.index nor a model.safetensors file, but in {first}, " in line
    assert locate(tmp_path / "out/checkpoint-1000").path.name == "model.safetensors"


@pytest.mark.parametrize("kind", ["Transformer", "BERT"])
def test_the_folder_of_a_sentence_transformers_model(transformers_folder, tmp_path, kind):
    shutil.copytree(transformers_folder, tmp_path / "s/0_Transformer")
    modules = [{"path": "0_Transformer", "type": f"sentence_transformers.models.{kind}"}]
    (tmp_path / "s/modules.json").write_text(json.dumps(modules))
    assert locate(tmp_path / "s").path == tmp_path / "s/0_Transformer/model.safetensors"
    assert locate(tmp_path / "s").notes == ("modules.json names 0_Transformer: took it",)
    shutil.make_archive(str(tmp_path / "s"), "zip", tmp_path, "s")
    assert locate(tmp_path / "s.zip").path.name == "model.safetensors"


def test_a_sentence_transformers_model_in_the_cache(transformers_folder, tmp_path):
    snapshot = tmp_path / "models--org--tiny/snapshots/0a1b"
    shutil.copytree(transformers_folder, snapshot / "0_Transformer")
    modules = [{"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]
    (snapshot / "modules.json").write_text(json.dumps(modules))
    notes = ("took snapshot 0a1b", "modules.json names 0_Transformer: took it")
    assert locate(tmp_path / "models--org--tiny").notes == notes


def test_a_layer_behind_the_encoder_is_said_to_be_left_out(transformers_folder, tmp_path):
    folder = shutil.copytree(transformers_folder, tmp_path / "s")
    names = ("Transformer", "Pooling", "Dense", "Normalize")
    modules = [{"path": "", "type": f"sentence_transformers.models.{name}"} for name in names]
    (folder / "modules.json").write_text(json.dumps(modules))
    assert locate(folder).left_out == ("left out the module Dense of modules.json",)
    assert open_checkpoint(folder).notes == locate(folder).left_out


@pytest.mark.parametrize("path", ["../elsewhere", "/"])
def test_a_folder_of_modules_is_inside(transformers_folder, tmp_path, path):
    folder = shutil.copytree(transformers_folder, tmp_path / "s")
    shutil.copytree(transformers_folder, tmp_path / "elsewhere")
    (folder / "modules.json").write_text(json.dumps([{"path": path, "type": "Transformer"}]))
    assert locate(folder).path == folder / "model.safetensors"


def test_an_archive_of_a_mac(core, tmp_path):
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as packed:
        for file in core.iterdir():
            packed.write(file, f"uncased/{file.name}")
            packed.writestr(f"__MACOSX/uncased/._{file.name}", b"\x00\x05\x16\x07")
    assert len(convert_checkpoint(tmp_path / "m.zip", tmp_path / "out").tensors) == 39


@pytest.mark.parametrize("typed", ["'{}'", '"{}"', " {}", "{}\n", "file://{}"])
@pytest.mark.parametrize("name", ["m", "m/bert_model.ckpt"])
def test_what_is_copied_along_with_a_path(core, tmp_path, typed, name):
    assert locate(typed.format(tmp_path / name)).path == core / "bert_model.ckpt"


def test_quotation_marks_may_belong_to_a_name(core, tmp_path):
    core.rename(tmp_path / "'m'")
    assert locate(tmp_path / "'m'").path == tmp_path / "'m'/bert_model.ckpt"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("https://huggingface.co/bert-base-uncased", "an address: download its files and give their folder"),
        (
            "google-bert/bert-base-uncased",
            "no such checkpoint: bert-base-uncased.index does not exist, nor google-bert",
        ),
        ("m/bert_model", "no such checkpoint: bert_model.index does not exist; there is bert_model.ckpt"),
        ("m.7z", "m.7z: archives of this kind are not read: unpack it"),
        ("m/lost.ckpt", "lost.ckpt.index does not exist, but its data file does: the two belong together"),
        ("lost", "no checkpoint here: .*, but x.data-00000-of-00001, whose index x.index is missing"),
        ("dangling", "no checkpoint here: .*, but links to files that do not exist .model.safetensors.: download"),
        ("dangling/model.safetensors", "model.safetensors: a link to ../blobs/0a1b, which does not exist"),
    ],
)
def test_what_is_not_there(core, tmp_path, monkeypatch, one_line, given, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.7z").write_bytes(b"7z")
    (core / "lost.ckpt.data-00000-of-00001").write_bytes(b"")
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost/x.data-00000-of-00001").write_bytes(b"")
    (tmp_path / "dangling").mkdir()
    (tmp_path / "dangling/model.safetensors").symlink_to("../blobs/0a1b")
    assert main(["--input", given, "--output", "out"]) in (1, 2)
    one_line(line)


def test_a_folder_of_a_mac(core):
    for file in list(core.iterdir()):
        (core / f"._{file.name}").write_bytes(b"\x00\x05\x16\x07")
    assert locate(core).path == core / "bert_model.ckpt"
