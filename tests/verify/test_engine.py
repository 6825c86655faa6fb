"""Which engine runs a checkpoint, and what it needs."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import bertferry
from bertferry.export import OnnxOptions, export_onnx
from bertferry.verify import ParityOptions, render, verify_parity
from bertferry.verify.command import main

PROGRAM = """
import json, sys
from bertferry.verify.command import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""
HEAVY = {"tensorflow", "tf_keras", "keras", "tensorflow_hub", "tf2onnx", "torch", "transformers", "onnx", "h5py"}


@pytest.fixture(scope="module")
def export(golden, tmp_path_factory):
    """The path of an ONNX file, and the report of its export."""
    path = tmp_path_factory.mktemp("engine") / "m.onnx"
    return path, export_onnx(path, OnnxOptions(), checkpoint=golden / "tf1_core_L2")


@pytest.fixture
def exported(export):
    return export[0]


@pytest.mark.parametrize(
    ("options", "engines"),
    [
        ({}, ("numpy cpu", "numpy cpu")),
        ({"engine": "numpy"}, ("numpy cpu", "numpy cpu")),
        ({"engine": "tensorflow"}, ("tensorflow cpu", "tensorflow cpu")),
        ({"reference_precision": "fp64"}, ("numpy cpu fp64", "numpy cpu")),
        ({"device": "xla"}, ("numpy cpu", "tensorflow xla")),
    ],
)
def test_the_report_names_the_engine_of_each_side(golden, options, engines):
    core = golden / "tf1_core_L2"
    report = verify_parity(core, [core], ParityOptions(probes=("length 1",), **options))
    assert report.ok, render(report)
    assert (report.runs_on, report.candidates[0].runs_on) == engines
    assert f"[{engines[0]}]" in render(report)
    assert report.tolerance.name == ("fp32-cross" if "device" in options else "fp32")


def test_artifacts_of_other_kinds_have_no_engine(golden, exported):
    report = verify_parity(golden / "tf1_core_L2", [exported], ParityOptions(engine="numpy", probes=("mixed",)))
    assert report.candidates[0].runs_on == "cpu"
    assert report.tolerance.name == "fp32-cross"


def test_an_exporter_compares_with_numpy(export):
    _, report = export
    assert report.parity["runs_on"] == "numpy cpu"


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--precision", "fp16"], "--engine numpy runs on the CPU in fp32 and fp64, not with --precision fp16"),
        (["--device", "xla"], "--engine numpy runs on the CPU in fp32 and fp64, not with --device xla"),
        (
            ["--reference-precision", "bf16"],
            "--engine numpy runs on the CPU in fp32 and fp64, not with --reference-precision bf16",
        ),
    ],
)
def test_numpy_refuses_what_it_does_not_run(golden, capfd, flags, line):
    core = str(golden / "tf1_core_L2")
    capfd.readouterr()
    assert main(["--reference", core, "--candidate", core, "--engine", "numpy", *flags]) == 2
    assert capfd.readouterr() == ("", f"verify-parity: {line}: leave out --engine\n")


def test_an_engine_for_nothing_is_refused(golden, exported, capfd):
    capfd.readouterr()
    assert main(["--reference", str(exported), "--candidate", str(exported), "--engine", "numpy"]) == 2
    assert "--engine applies to checkpoints only, and no artifact is one" in capfd.readouterr().err


def run_program(*arguments, python=(sys.executable,), path=None):
    environment = os.environ if path is None else {**os.environ, "PYTHONPATH": path}
    command = [*python, "-c", PROGRAM, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.stdout, run.stderr
    code, modules = json.loads(run.stdout.splitlines()[-1])
    return code, set(modules), run.stderr


@pytest.mark.parametrize("more", [[], ["--localize", "--reference-precision", "fp64"]])
def test_a_checkpoint_and_an_onnx_file_are_compared_without_tensorflow(golden, exported, more):
    code, modules, err = run_program("--reference", golden / "tf1_core_L2", "--candidate", exported, *more)
    assert (code, err) == (0, "")
    needed = {"onnx"} if more else set()  # inserts the named points
    assert HEAVY & modules == needed


@pytest.fixture(scope="module")
def without_tensorflow(tmp_path_factory):
    """A function that runs the command where TensorFlow is not installed: with links to everything else."""
    folder = tmp_path_factory.mktemp("without_tensorflow")
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for package in Path(place).iterdir():
            if not package.name.startswith(("tensorflow", "tf_keras", "tf2onnx")):
                (folder / package.name).symlink_to(package)
    path = os.pathsep.join([*(str(Path(part).parent) for part in bertferry.__path__), str(folder)])
    return lambda *arguments: run_program(*arguments, python=(sys.executable, "-S"), path=path)


def test_a_checkpoint_is_compared_where_tensorflow_is_missing(golden, exported, without_tensorflow):
    arguments = ("--reference", golden / "tf1_core_L2", "--candidate", exported)
    code, _, err = without_tensorflow(*arguments)
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    "flags", [("--engine", "tensorflow"), ("--precision", "fp16"), ("--reference-device", "xla")]
)
def test_what_needs_tensorflow_is_exit_3_with_the_way_to_install_it(golden, without_tensorflow, flags):
    core = golden / "tf1_core_L2"
    code, _, err = without_tensorflow("--reference", core, "--candidate", core, *flags)
    assert code == 3
    assert "pip install 'bertferry[tensorflow]'" in err
    assert err.count("\n") == 1
