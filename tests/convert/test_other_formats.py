"""Files of models that are not read are named by what they are, with the way out."""

import shutil
import zipfile

import pytest

from bertferry.convert import ConversionOptions, convert_checkpoint, diff_checkpoints
from bertferry.convert.command import main
from bertferry.convert.locate import locate

KINDS = {
    "model.onnx": "an ONNX graph",
    "MODEL.GGUF": "a model of llama.cpp",
    "model.tflite": "a LiteRT graph, which verify-parity compares",
    "openvino_model.xml": "an OpenVINO graph",
    "frozen.pb": "a TensorFlow graph",
    "__0_0.distcp": "a part of a checkpoint of torch.distributed",
    "weights.npz": "a file of NumPy",
    "weights.pickle": "a pickle",
    "model_state.pdparams": "weights of PaddlePaddle",
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("given", ["file", "folder", "around"])
def test_they_are_named(tmp_path, one_line, name, given):
    folder = tmp_path / "a/b"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"PK\x03\x04" + bytes(40))
    path = {"file": folder / name, "folder": folder, "around": folder.parent}[given]
    assert main(["--input", str(path), "--output", str(tmp_path / "out")]) == 2
    one_line(f"{folder / name}: not read: {KINDS[name]}: (give|save|merge) ")


def test_they_do_not_hide_the_weights_beside_them(golden, tmp_path):
    source = shutil.copytree(golden / "hf_bin_core_L2", tmp_path / "source")
    (source / "pytorch_model.bin").rename(source / "model.bin")
    for name in (*KINDS, "openvino_model.bin", "random_states_0.pkl", "rng_state_0.pth", "zero_optim_states.pt"):
        (source / name).write_bytes(b"PK\x03\x04" + bytes(40))
    assert locate(source).path.name == "model.bin"


def test_a_checkpoint_of_deepspeed_names_its_converter(tmp_path, one_line):
    (tmp_path / "zero_to_fp32.py").write_text("")
    (tmp_path / "global_step10").mkdir()
    (tmp_path / "global_step10/w.npz").write_bytes(bytes(40))
    assert main(["--input", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    one_line("zero_to_fp32.py: not read: a checkpoint of DeepSpeed: run it and give the file that it writes")


def test_a_file_of_no_known_format(tmp_path, one_line):
    (tmp_path / "bert.ckpt").write_bytes(b"\n\x20abc")
    assert main(["--input", str(tmp_path / "bert.ckpt"), "--output", str(tmp_path / "out")]) == 2
    one_line("bert.ckpt: no weights in a format that is read, and no bert.ckpt.index beside it")


def test_an_archive_of_torchserve(golden, tmp_path, one_line):
    folder = tmp_path / "m"
    folder.mkdir()
    with zipfile.ZipFile(folder / "model.mar", "w") as archive:
        for path in (golden / "hf_bin_core_L2").iterdir():
            archive.write(path, path.name)
        archive.writestr("MAR-INF/MANIFEST.json", "{}")
    assert diff_checkpoints(folder / "model.mar", golden / "hf_bin_core_L2").equal
    assert main(["--input", str(folder), "--output", str(tmp_path / "out")]) == 2
    one_line("no checkpoint here: .*, but the archive .*/m/model.mar: give its path")


def test_one_of_several_files_stands_for_all(golden, tmp_path, one_line):
    source = shutil.copytree(golden / "hf_bin_core_L2_sharded", tmp_path / "source")
    shards = sorted(source.glob("*-of-00002.bin"))
    convert_checkpoint(shards[1], tmp_path / "out", ConversionOptions("huggingface"))
    assert diff_checkpoints(tmp_path / "out", golden / "hf_bin_core_L2").equal
    (source / "pytorch_model.bin.index.json").unlink()
    for path in (shards[0], source):
        assert main(["--input", str(path), "--output", str(tmp_path / "no")]) == 2
        one_line("00001-of-00002.bin: one of 2 files of a checkpoint, whose index .*index.json is not here")


def test_a_single_file_may_be_called_the_first_of_one(golden, tmp_path):
    source = shutil.copytree(golden / "hf_bin_core_L2", tmp_path / "source")
    (source / "pytorch_model.bin").rename(source / "pytorch_model-00001-of-00001.bin")
    assert diff_checkpoints(source, golden / "hf_bin_core_L2").equal


@pytest.mark.parametrize("given", ["saved_model.pb", "."])
def test_the_graph_stands_for_its_module(golden, given):
    assert locate(golden / "hub1_core_L2" / given).graph == golden / "hub1_core_L2/saved_model.pb"
