"""An export interrupted at any moment leaves a complete output or none; the same input gives the same files."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import onnx
import pytest
import tensorflow as tf

from bertferry.convert import SourceOptions
from bertferry.export import ModuleOptions, check_module_contract, export_hub_module

LOWER = SourceOptions(do_lower_case=True)

STEPS = """
import os, signal, sys
from bertferry.core import atomic
from bertferry.export import ModuleOptions, OnnxOptions, export_hub_module, export_onnx
from bertferry.export import hub_exporter, saved_model_files
from bertferry.export.onnx import build

source, output, (module, function) = sys.argv[1], sys.argv[2], sys.argv[3].split(".")
def die(*arguments, **choices):
    os.kill(os.getpid(), signal.SIGKILL)
setattr({"atomic": atomic, "hub_exporter": hub_exporter, "files": saved_model_files, "build": build}[module],
        function, die)
if output.endswith(".onnx"):
    export_onnx(output, OnnxOptions(verify=False), checkpoint=source)
else:
    export_hub_module(source, output, ModuleOptions(onnx=("fp32",), verify=False))
"""
EXPORT = "import sys; from bertferry.export.command import run; run()"
ONNX = "import sys; from bertferry.export.onnx.command import run; run()"
MODULE_STEPS = ("files.make_reproducible", "build.write", "hub_exporter.write_manifest", "atomic._take_place")


def assert_complete_or_absent(output):
    """An existing output contains every file that its manifest lists."""
    if output.suffix == ".onnx":
        if output.exists():
            onnx.checker.check_model(str(output))
        return
    if output.exists():
        files = json.loads((output / "MANIFEST.json").read_text())["files"]
        for name, digest in files.items():
            assert hashlib.sha256((output / name).read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize(
    ("step", "name"),
    [*((step, "module") for step in MODULE_STEPS), *((s, "m.onnx") for s in ("build.write", "atomic._sync"))],
)
def test_killed_at_a_step(golden, tmp_path, step, name):
    output = tmp_path / name
    run = subprocess.run([sys.executable, "-c", STEPS, golden / "tf1_core_L2", output, step], capture_output=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert not output.exists()
    if name == "module":
        export_hub_module(golden / "tf1_core_L2", output, ModuleOptions(verify=False))
        assert_complete_or_absent(output)
        assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(20))
@pytest.mark.parametrize("name", ["module", "m.onnx"])
def test_killed_at_a_random_moment(golden, tmp_path, turn, name):
    output = tmp_path / name
    program = ONNX if name == "m.onnx" else EXPORT
    process = subprocess.Popen(
        [sys.executable, "-c", program, "--checkpoint", golden / "tf1_core_L2", "--output", output],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not list(tmp_path.iterdir()):
        time.sleep(0.001)  # the import of TensorFlow is most of the run: wait until something is written
    time.sleep(random.Random(turn).uniform(0, 3))
    process.kill()
    process.wait()
    assert_complete_or_absent(output)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(golden, tmp_path, signum):
    process = subprocess.Popen(
        [sys.executable, "-c", EXPORT, "--checkpoint", golden / "tf1_core_L2", "--output", tmp_path / "module"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while process.poll() is None and not list(tmp_path.iterdir()):
        time.sleep(0.05)
    process.send_signal(signum)
    process.communicate()
    assert process.returncode in (130, 143)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("task", "verify"), [("encoder", True), pytest.param("pretrainer", False, marks=pytest.mark.slow)]
)
def test_another_process_writes_the_same_files(text_sources, tmp_path, task, verify):
    command = [sys.executable, "-c", EXPORT, "--checkpoint", text_sources[task], "--output", tmp_path / "first"]
    command += ["--task", task, "--do-lower-case", "--onnx", "fp32", *(["--no-verify"] * (not verify))]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": "1"})
    tf.random.set_seed(7)
    try:
        export_hub_module(
            text_sources[task],
            tmp_path / "second",
            ModuleOptions(task=task, onnx=("fp32",), verify=verify),
            source=LOWER,
        )
    finally:
        tf.random.set_seed(None)

    def digests(name):
        paths = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        return {
            str(path.relative_to(tmp_path / name)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
        }

    assert digests("first") == digests("second")
    assert_complete_or_absent(tmp_path / "first")


def test_an_old_vocabulary_does_not_stay(text_source, golden, tmp_path):
    export_hub_module(text_source, tmp_path / "module", ModuleOptions(verify=False), source=LOWER)
    export_hub_module(golden / "tf1_core_L2", tmp_path / "module", ModuleOptions(verify=False), overwrite=True)
    assert list((tmp_path / "module" / "assets").glob("*")) == []


@pytest.mark.parametrize("task", ["encoder", "classifier", "tokens", "span", "mlm", "pretrainer"])
@pytest.mark.filterwarnings("ignore:.*")  # from Keras and TensorFlow on loading
def test_the_cards_snippet_runs(references, tmp_path, monkeypatch, capfd, task):
    export_hub_module(references[task].source, tmp_path / "module", ModuleOptions(task=task, verify=False))
    snippet = (tmp_path / "module" / "README.md").read_text().split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    exec(compile(snippet, f"the card of {task}", "exec"), {"__name__": "__main__"})
    assert capfd.readouterr().out


@pytest.mark.filterwarnings("ignore:.*")  # from Keras and TensorFlow on loading
@pytest.mark.parametrize(
    "precision", ["fp16", *(pytest.param(precision, marks=pytest.mark.slow) for precision in ("fp32", "bf16"))]
)
def test_real_weights_pass_every_check_in_every_precision(two_layers_of_minilm, tmp_path, precision):
    report = export_hub_module(two_layers_of_minilm, tmp_path / "module", ModuleOptions(precision=precision))
    assert report.verdict.startswith(f"AGREE on 10 probes within {precision} ")
    checked = check_module_contract(tmp_path / "module")
    faults = {finding.line for finding in checked.findings if finding.fault}
    assert faults == set(), checked.render()
