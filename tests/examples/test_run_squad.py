"""run_squad.py lowers the loss, answers as the official scripts read it, exports what agrees, can be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import FIXTURES
from judges import skip_without

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint, open_checkpoint

skip_without("tensorflow", "tf_keras", "tensorflow_hub", "onnxruntime", "tokenizers")
import run_squad  # noqa: E402 - its packages may be missing
from squad.generate import make_questions  # noqa: E402 - after what may be missing

SCRIPT = Path(run_squad.__file__)
WINDOWS = ["--max-seq-length", "64", "--doc-stride", "40", "--max-query-length", "16", "--quiet"]
LEARN = [*WINDOWS, "--do-lower-case", "--batch-size", "8", "--epochs", "3", "--learning-rate", "1e-2"]
BERT = FIXTURES / "texts"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("questions")
    for name, impossible in (("answered", 0), ("mixed", 0.3)):
        content = make_questions(name, 1, [5, 1], impossible)
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The folder of a run in SQuAD 2.0's format with everything that it exports, and what it printed."""
    output = tmp_path_factory.mktemp("run") / "trained"
    arguments = ["--checkpoint", BERT, "--train", data / "mixed.json", "--predict", data / "mixed.json"]
    command = [sys.executable, SCRIPT, *arguments, "--output", output, "--version-2-with-negative", *LEARN]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (run.returncode, run.stderr) == (0, "")
    return output, run.stdout


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_loss_falls(trained):
    (state,) = trained[0].glob("step-*/state.json")
    losses = [epoch["loss"] for epoch in read(state)["history"]]
    assert losses[-1] < losses[0]
    assert "random at first: span/kernel, span/bias" in trained[1]


def test_every_question_has_an_answer_from_its_context(trained, data):
    contexts = {
        entry["id"]: paragraph["context"]
        for article in read(data / "mixed.json")["data"]
        for paragraph in article["paragraphs"]
        for entry in paragraph["qas"]
    }
    names = ("predictions", "nbest_predictions", "null_odds")
    answers, listed, odds = (read(trained[0] / f"{name}.json") for name in names)
    assert answers.keys() == listed.keys() == odds.keys() == contexts.keys()
    for name, answer in answers.items():
        assert answer in contexts[name]
        assert answer == "" or odds[name] <= 0
        assert listed[name][0].keys() == {"text", "probability", "start_logit", "end_logit"}
        assert len(listed[name]) == 21


def test_module_and_graphs_have_the_scores_of_the_checkpoint_and_agree(trained):
    output, printed = trained
    metrics = read(output / "metrics.json")
    graphs = [f"module/onnx/{name}.onnx" for name in ("model", "model_fp16", "model_quantized")]
    assert list(metrics) == ["checkpoint", "module", *graphs]
    assert metrics["module"] == metrics["module/onnx/model.onnx"] == metrics["checkpoint"]
    assert {"exact", "f1", "HasAns_f1", "NoAns_f1", "best_f1", "best_f1_thresh"} < metrics["checkpoint"].keys()
    assert printed.count("AGREE on") - printed.count("DISAGREE on") == 4


def test_a_trained_checkpoint_answers_without_training_in_any_layout(trained, data, tmp_path):
    convert_checkpoint(trained[0] / "checkpoint", tmp_path / "tf1", ConversionOptions("tf1", "span"))
    arguments = ["--checkpoint", tmp_path / "tf1", "--predict", data / "mixed.json", "--output", tmp_path / "out"]
    flags = [*WINDOWS, "--version-2-with-negative", "--no-export"]
    assert run_squad.main([*map(str, arguments), *flags]) == 0
    assert read(tmp_path / "out/predictions.json") == read(trained[0] / "predictions.json")


def test_a_module_is_trained_and_written_as_a_checkpoint(trained, data, tmp_path, capsys):
    from bertferry.export import ModuleOptions, export_hub_module

    lower = SourceOptions(do_lower_case=True)
    export_hub_module(BERT, tmp_path / "module", ModuleOptions(verify=False), source=lower)
    files = ["--train", data / "answered.json", "--predict", data / "answered.json", "--output", tmp_path / "out"]
    flags = [*WINDOWS, "--epochs", "1", "--no-export", "--no-module-dropout"]
    assert run_squad.main(["--hub-module", str(tmp_path / "module"), *map(str, files), *flags]) == 0
    again = ["--checkpoint", tmp_path / "out/checkpoint", "--output", tmp_path / "2", *files[2:4]]
    assert run_squad.main([*map(str, again), *WINDOWS, "--no-export"]) == 0
    assert read(tmp_path / "2/predictions.json") == read(tmp_path / "out/predictions.json")


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["--checkpoint", BERT], 2, "9 questions are without an answer"),
        (["--checkpoint", BERT, "--hub-module", BERT], 2, "either --checkpoint PATH or --hub-module DIR"),
        ([], 2, "either --checkpoint PATH or --hub-module DIR"),
        (["--checkpoint", BERT, "--version-2-with-negative"], 1, "has no span head: give --train FILE"),
        (["--checkpoint", BERT, "--max-seq-length", "65"], 2, "--max-seq-length 65: the encoder has 64 positions"),
        (["--checkpoint", FIXTURES / "golden/tf1_squad_L2", "--max-seq-length", "16"], 2, "no vocabulary"),
        (["--checkpoint", "none"], 2, "none"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(tmp_path, capsys, given, code, message):
    content = make_questions("dev", 1, [5, 1], impossible=1.0 if "questions" in message else 0)
    (tmp_path / "dev.json").write_text(json.dumps(content))
    arguments = ["--predict", tmp_path / "dev.json", "--output", tmp_path / "out", "--max-query-length", "8"]
    assert run_squad.main([*WINDOWS, *map(str, arguments), *map(str, given), "--do-lower-case"]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_run_that_is_killed_ends_with_the_same_bits(trained, data, tmp_path, seed):
    files = ["--checkpoint", BERT, "--train", data / "mixed.json", "--predict", data / "mixed.json"]
    flags = ["--version-2-with-negative", *LEARN, "--no-export", "--save-every", "1", "--output", tmp_path / "run"]
    command = [sys.executable, *map(str, [SCRIPT, *files, *flags])]
    step = int(np.random.default_rng(seed).integers(1, 10))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and not (tmp_path / f"run/step-{step:07}").exists():
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "going on after step" in again.stdout
    expected, found = (open_checkpoint(folder / "checkpoint") for folder in (trained[0], tmp_path / "run"))
    for name in expected.parameters:
        assert np.array_equal(expected.read(name), found.read(name)), name
