"""Files that are damaged in unusual ways end in one line, whatever reads them."""

import json
import shutil
import zipfile

import numpy as np
import pytest

from bertferry.convert.command import main as convert
from bertferry.convert.report import itemsize
from bertferry.export.command import main as export_hub
from bertferry.export.onnx.command import main as export_onnx
from bertferry.verify.command import main as verify


def check_one_line(capfd, code, expected, text):
    err = capfd.readouterr().err
    assert (code, err.count("\n")) == (expected, 1), err
    assert text in err


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("[" * 100_000, "not a readable JSON configuration"),
        ('{"vocab_size": ' + "9" * 5000 + "}", "not a readable JSON configuration"),
        ({"architectures": 5}, "architectures is 5: expected a list of names"),
        ({"model_type": []}, "model_type is []"),
        ({"model_type": "bert", "hidden_act": []}, "hidden_act is []"),
    ],
)
def test_a_configuration(golden, tmp_path, capfd, content, text):
    source = shutil.copytree(golden / "hf_token_L2", tmp_path / "source")
    path = source / "config.json"
    if isinstance(content, dict):
        content = json.dumps({**json.loads(path.read_text()), **content})
    path.write_text(content)
    code = convert(["--input", str(source), "--output", str(tmp_path / "out"), "--to", "huggingface"])
    check_one_line(capfd, code, 2, text)


def test_a_task_that_is_no_name_says_nothing(golden, tmp_path):
    source = shutil.copytree(golden / "tf1_core_L2", tmp_path / "source")
    path = source / "bert_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "task": [], "num_labels": 10**12}))
    assert convert(["--input", str(source), "--output", str(tmp_path / "out")]) == 0


def test_inputs_that_do_not_fit_into_int32(golden, tmp_path, capfd):
    ids = np.full((1, 3), 2**32 + 5)
    np.savez(tmp_path / "x.npz", input_word_ids=ids, input_mask=ids * 0 + 1, input_type_ids=ids * 0)
    core = str(golden / "tf1_core_L2")
    code = verify(["--reference", core, "--candidate", core, "--inputs", str(tmp_path / "x.npz")])
    check_one_line(capfd, code, 2, "input_word_ids has values that do not fit into int32")


def test_inputs_that_are_no_archive_of_arrays(golden, tmp_path, capfd):
    np.save(tmp_path / "x.npy", np.zeros(3))
    (tmp_path / "x.npy").rename(tmp_path / "x.npz")
    core = str(golden / "tf1_core_L2")
    code = verify(["--reference", core, "--candidate", core, "--inputs", str(tmp_path / "x.npz")])
    check_one_line(capfd, code, 2, "not a readable .npz file")
    with zipfile.ZipFile(tmp_path / "y.npz", "w") as archive:
        archive.writestr("input_word_ids.npy", b"\x93NUMPY\x01\x00 nothing")
    code = verify(["--reference", core, "--candidate", core, "--inputs", str(tmp_path / "y.npz")])
    check_one_line(capfd, code, 2, "not a readable .npz file")


def test_a_report_below_a_file(golden, tmp_path, capfd):
    (tmp_path / "file").write_text("")
    core = str(golden / "tf1_core_L2")
    code = convert(["--diff", core, core, "--json", str(tmp_path / "file" / "out.json")])
    check_one_line(capfd, code, 2, "cannot be written")


def test_a_name_that_is_too_long(golden, tmp_path, capfd):
    code = convert(["--input", str(golden / "tf1_core_L2"), "--output", str(tmp_path / ("x" * 300))])
    check_one_line(capfd, code, 2, "File name too long")


def test_a_tolerance_for_an_output_that_is_not_there(golden, capfd):
    core = str(golden / "tf1_core_L2")
    code = verify(["--reference", core, "--candidate", core, "--probes", "length 1", "--override", "logit=exact"])
    check_one_line(capfd, code, 2, "--override logit: no output has that name: expected one of pooled_output")


def test_an_initialized_head_is_exported_as_onnx_too(golden, tmp_path):
    arguments = ["--task", "classifier", "--init-missing-head", "--num-labels", "3", "--onnx", "fp32"]
    source, output = str(golden / "tf1_core_L2"), tmp_path / "module"
    assert export_hub(["--checkpoint", source, "--output", str(output), *arguments, "--no-verify"]) == 0
    assert (output / "onnx" / "model.onnx").is_file()


def test_a_file_beside_the_output_is_left_alone(golden, tmp_path, capfd):
    data = tmp_path / "m.onnx.data"
    data.write_text("mine")
    arguments = ["--checkpoint", str(golden / "tf1_core_L2"), "--output", str(tmp_path / "m.onnx"), "--no-verify"]
    code = export_onnx([*arguments, "--external-data"])
    check_one_line(capfd, code, 2, "m.onnx.data already exists")
    assert export_onnx(arguments) == 0
    assert data.read_text() == "mine"


def test_types_that_are_not_numpys_have_no_size():
    assert [itemsize(name) for name in ("bfloat16", "float16", "int64", "F8_E4M3", "U16")] == [2, 2, 8, 0, 0]
