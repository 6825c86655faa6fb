"""run_classifier.py on a slice of the film reviews: what it shows, what it writes, what it refuses."""

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import run_classifier
import tensorflow as tf

from bertferry.core.console import run_for_tests
from bertferry.export import ModuleOptions, export_hub_module
from bertferry.verify.command import main as verify

SCRIPT = Path(__file__).parent.parent.parent / "examples" / "run_classifier.py"
EPOCHS, STEPS = 8, 11
"""Steps of an epoch: 162 of the 200 sentences are left to train on."""
AT_ONCE = """
import os, sys
os.environ.pop("TQDM_DISABLE", None)
from bertferry.core import progress_bar
progress_bar.BAR_AFTER = progress_bar.REDRAWN_AFTER = -1
progress_bar.TICK = 60
"""


@pytest.fixture(scope="module")
def finished(small_checkpoint, reviews, tmp_path_factory):
    """A run at the end of a pseudo-terminal: its folder, its exit code, stdout, what the terminal was sent."""
    output = tmp_path_factory.mktemp("classifier") / "output"
    code = f"{AT_ONCE}\nimport runpy\nsys.argv[0] = {str(SCRIPT)!r}\nsys.path.insert(0, {str(SCRIPT.parent)!r})\n"
    code += f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    flags = ("--checkpoint", small_checkpoint, "--train", reviews, "--output", output, "--margin", 0.2)
    training = ("--epochs", EPOCHS, "--batch-size", 16, "--learning-rate", 1e-2, "--save-every", 4)
    return output, *in_terminal(code, *flags, *training)


def in_terminal(code, *arguments):
    """Runs code whose stderr is a terminal of 80 columns."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        written += piece
    os.close(ours)
    out, _ = process.communicate()
    return process.returncode, out.decode(), written.decode()


def test_it_learns_and_exports(finished):
    output, code, out, _ = finished
    assert code == 0, out
    report = json.loads((output / "report.json").read_text())
    losses = [epoch["loss"] for epoch in report["training"]["history"]]
    assert losses[-1] < losses[0] / 2
    assert [row["artifact"] for row in report["rows"]] == [
        "checkpoint",
        "module",
        "model.onnx",
        "model_fp16.onnx",
        "model_quantized.onnx",
    ]
    assert [row["changed"] for row in report["rows"][:3]] == [0, 0, 0]
    assert (report["held_out"], report["ok"]) == (20, True)
    assert sorted(path.name for path in output.iterdir()) == [
        "checkpoint",
        "held_out.txt",
        "held_out_labels.txt",
        "logs",
        "module",
        "parity.json",
        "report.json",
    ]


def test_every_epoch_is_a_line(finished):
    lines = finished[2].splitlines()
    assert [line.partition(":")[0] for line in lines[:EPOCHS]] == [
        f"epoch {number + 1} of 8" for number in range(EPOCHS)
    ]
    assert all(", rate " in line and ", accuracy " in line for line in lines[:EPOCHS])
    assert any(line.endswith(" (best)") for line in lines[:EPOCHS])
    assert lines[EPOCHS] == "on 20 held-out texts"
    assert lines[-1].startswith("AGREE on ")


def test_one_bar_shows_what_is_done(finished):
    written = finished[3]
    assert "\n" not in written
    drawn = [line.rstrip() for line in written.split("\r") if line.strip()]
    training = [line for line in drawn if "left: training" in line]
    assert training[0].startswith("  0%|")
    assert f"0/{EPOCHS * STEPS} batches" in training[0]
    assert f"{EPOCHS * STEPS - 1}/{EPOCHS * STEPS} batches" in training[-1]
    for what in ("evaluating", "saving a checkpoint", "exporting: writing the module", "scoring: reference on"):
        assert any(what in line for line in drawn), what
    assert written.split("\r")[-1] == ""
    assert max(map(len, written.split("\r"))) == 79


def events(folder):
    """The numbers in event files: by name, steps and values. TFRecord: length, its CRC, data, its CRC."""
    found: dict[str, list[tuple[int, float]]] = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        content, place = file.read_bytes(), 0
        while place < len(content):
            (length,) = struct.unpack_from("<Q", content, place)
            event = tf.compat.v1.Event.FromString(content[place + 12 : place + 12 + length])
            place += 16 + length
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name in ("scalars", "")
                found.setdefault(value.tag, []).append((event.step, float(tf.make_ndarray(value.tensor))))
    return found


def test_tensorboard_can_read_the_logs(finished):
    output, *_ = finished
    written = events(output / "logs")
    history = json.loads((output / "report.json").read_text())["training"]["history"]
    assert written.keys() == {"loss", "rate", "epoch/epoch", "epoch/loss", "epoch/rate", "epoch/accuracy"}
    assert [step for step, _ in written["loss"]] == list(range(10, EPOCHS * STEPS, 10))
    assert [step for step, _ in written["epoch/accuracy"]] == [STEPS * number for number in range(1, EPOCHS + 1)]
    rates = [value for _, value in written["epoch/rate"]]
    assert rates == [epoch["rate"] for epoch in history]


def test_the_results_are_what_verify_parity_says(finished, capsys):
    output, *_ = finished
    texts = ["--texts", str(output / "held_out.txt"), "--labels", str(output / "held_out_labels.txt")]
    sides = [
        "--reference",
        str(output / "checkpoint"),
        "--candidate",
        str(output / "module" / "onnx" / "model.onnx"),
    ]
    assert verify([*sides, *texts, "--task", "classifier", "--profile", "task", "--quiet"]) == 0
    accuracy = json.loads((output / "report.json").read_text())["rows"][0]["scores"]["accuracy"]
    assert f"{accuracy:.4f}" in capsys.readouterr().out


def test_a_finished_run_is_not_overwritten(finished, small_checkpoint, reviews, capsys):
    output, *_ = finished
    flags = ["--checkpoint", str(small_checkpoint), "--train", str(reviews), "--output", str(output)]
    assert refused(capsys, *flags) == (
        2,
        f"run_classifier.py: {output} already exists: choose another --output or give --overwrite\n",
    )


def refused(capsys, *flags):
    """The exit code and the line of a run that does not begin."""
    capsys.readouterr()
    code = run_for_tests(run_classifier.build_parser(), run_classifier.execute, [*map(str, flags), "--quiet"])
    return code, capsys.readouterr().err


@pytest.fixture(scope="module")
def module(small_checkpoint, tmp_path_factory):
    output = tmp_path_factory.mktemp("modules") / "module"
    export_hub_module(small_checkpoint, output, ModuleOptions(verify=False))
    return output


def test_a_source_is_named_once(small_checkpoint, module, reviews, tmp_path, capsys):
    both = ("--checkpoint", small_checkpoint, "--hub-module", module)
    for sources in ((), both):
        code, line = refused(capsys, *sources, "--train", reviews, "--output", tmp_path / "output")
        assert (code, line) == (2, "run_classifier.py: give one source: --checkpoint PATH or --hub-module DIR\n")


@pytest.mark.parametrize("missing", ["train", "output"])
def test_what_is_missing_is_named(small_checkpoint, reviews, tmp_path, capsys, missing):
    flags = {"--train": reviews, "--output": tmp_path / "output"}
    del flags[f"--{missing}"]
    code, line = refused(
        capsys, "--checkpoint", small_checkpoint, *(item for flag in flags.items() for item in flag)
    )
    assert code == 2
    assert f"--{missing} " in line
    assert "is missing: see --help" in line


def test_module_dropout_is_for_modules(small_checkpoint, reviews, tmp_path, capsys):
    flags = ("--checkpoint", small_checkpoint, "--train", reviews, "--output", tmp_path / "output")
    code, line = refused(capsys, *flags, "--no-module-dropout")
    assert (code, "--no-module-dropout is about a --hub-module: leave it out" in line) == (2, True)


def test_other_modules_are_refused(small_checkpoint, module, reviews, tmp_path, capsys):
    files = ("--train", reviews, "--output", tmp_path / "output")
    code, line = refused(capsys, "--hub-module", small_checkpoint, *files)
    assert code == 2
    assert "no module that export-hub-module wrote" in line
    half = tmp_path / "half"
    export_hub_module(small_checkpoint, half, ModuleOptions(precision="fp16", verify=False))
    code, line = refused(capsys, "--hub-module", half, *files)
    assert (code, "of task encoder in fp16: expected an encoder in fp32" in line) == (2, True)


def test_another_run_does_not_go_on(small_checkpoint, reviews, tmp_path, capsys):
    output = tmp_path / "output"
    flags = ("--checkpoint", small_checkpoint, "--train", reviews, "--output", output)
    job = run_classifier.read_job(run_classifier.build_parser().parse_args(list(map(str, flags))))
    (output / "training").mkdir(parents=True)
    (output / "training" / "run.json").write_text(json.dumps(job.origin()))
    code, line = refused(capsys, *flags, "--epochs", 5)
    assert (code, line.count("\n")) == (2, 1)
    assert "was begun with --epochs 3, not 5: go on with the same, or remove the folder to begin again" in line
    shutil.copy(reviews, tmp_path / "other.tsv")
    with (tmp_path / "other.tsv").open("a") as stream:
        stream.write("more\tpositive\n")
    code, line = refused(capsys, *flags[:3], tmp_path / "other.tsv", *flags[4:])
    assert "was begun with the texts to train on" in line


def test_a_file_of_other_labels_is_refused(small_checkpoint, reviews, tmp_path, capsys):
    (tmp_path / "test.tsv").write_text("a film\tmixed\nb\tpositive\n")
    files = ("--train", reviews, "--test", tmp_path / "test.tsv", "--output", tmp_path / "output")
    code, line = refused(capsys, "--checkpoint", small_checkpoint, *files)
    assert code == 2
    assert f"{tmp_path / 'test.tsv'}: the label 'mixed' is none of the classes negative, positive" in line
    assert not (tmp_path / "output").exists()
