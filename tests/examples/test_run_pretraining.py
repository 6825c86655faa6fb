"""run_pretraining.py lowers the loss, goes on after it was killed, and writes what converts on and agrees."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from judges import skip_without
from pretraining_texts import write_checkpoint, write_text

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint, open_checkpoint
from bertferry.verify import ParityOptions, verify_parity

skip_without("tensorflow", "tf_keras", "tensorflow_hub", "tokenizers")
import run_pretraining  # noqa: E402 - its packages may be missing

SCRIPT = Path(run_pretraining.__file__)
SMALL = ["--max-seq-length", "16", "--max-predictions-per-seq", "3", "--dupe-factor", "2", "--quiet"]
LEARN = [*SMALL, *["--do-lower-case", "--batch-size", "16", "--epochs", "3", "--learning-rate", "2e-2"]]


def values(folder):
    checkpoint = open_checkpoint(folder)
    return {name: checkpoint.read(name) for name in checkpoint.parameters}


@pytest.fixture(scope="module")
def jack(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("source") / "jack")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("text") / "jack.txt")


@pytest.fixture(scope="module")
def trained(jack, text, tmp_path_factory):
    """The folder of a run, and what it printed."""
    output = tmp_path_factory.mktemp("run") / "trained"
    arguments = ["--checkpoint", jack, "--train", text, "--output", output, *LEARN]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, env=environment)
    assert (run.returncode, run.stderr) == (0, "")
    return output, run.stdout


def loss_of(printed, when):
    line = next(line for line in printed.splitlines() if line.startswith(when))
    return float(line.partition("masked_lm_loss ")[2].partition(",")[0])


def test_the_loss_falls(trained):
    _, printed = trained
    assert loss_of(printed, "after training") < loss_of(printed, "before training") - 0.05
    assert "has not become lower" not in printed


@pytest.mark.parametrize("layout", ["tf1", "huggingface", "tf_20", "garden_v2", "keras_names_v2"])
def test_the_trained_checkpoint_converts_on_and_agrees(trained, tmp_path, layout):
    source = trained[0] / "checkpoint"
    convert_checkpoint(source, tmp_path / "out", ConversionOptions(layout, "pretrainer"))
    assert verify_parity(source, [tmp_path / "out"], ParityOptions("pretrainer", probes=("mixed",))).ok
    assert (tmp_path / "out" / "vocab.txt").read_bytes() == (trained[0] / "checkpoint/vocab.txt").read_bytes()


def test_an_encoder_alone_gets_heads(jack, text, tmp_path, capsys):
    lower = SourceOptions(do_lower_case=True)
    convert_checkpoint(jack, tmp_path / "encoder", ConversionOptions("huggingface", "encoder"), source=lower)
    arguments = ["--checkpoint", tmp_path / "encoder", "--train", text, "--output", tmp_path / "run", *LEARN]
    assert run_pretraining.main([*map(str, arguments), "--epochs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "random at first: mlm/dense/kernel" in printed
    assert loss_of(printed, "after training") < loss_of(printed, "before training")
    assert open_checkpoint(tmp_path / "run/checkpoint").heads == ("mlm", "nsp")


def test_without_the_next_sentence_the_masked_lm_is_trained_alone(jack, tmp_path, capsys):
    text = write_text(tmp_path / "one.txt", documents=1, lines=40)
    arguments = ["--checkpoint", jack, "--train", text, "--output", tmp_path / "run", "--no-next-sentence"]
    assert run_pretraining.main([*map(str, arguments), *LEARN, "--do-whole-word-mask"]) == 0
    printed = capsys.readouterr().out
    assert "neither trained nor written: nsp" in printed
    assert loss_of(printed, "after training") < loss_of(printed, "before training")
    assert open_checkpoint(tmp_path / "run/checkpoint").heads == ("mlm",)


def test_other_options_do_not_go_on_with_a_run(trained, jack, text, capsys):
    arguments = ["--checkpoint", jack, "--train", text, "--output", trained[0], *LEARN, "--masked-lm-prob", "0.2"]
    assert run_pretraining.main([*map(str, arguments)]) == 2
    assert "this run was begun with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("checkpoint", "given", "message"),
    [
        ("jack", [], "jack.txt: too short to take a tenth"),
        ("jack", ["--validation", "jack.txt"], "the text is a single document"),
        ("jack", ["--max-seq-length", "17"], "jack/bert_model.ckpt has 16 positions"),
        ("tf1_core_L2", [], "no vocabulary (vocab.txt)"),
        (
            "hf_albert_pretrain_L2",
            [],
            "ALBERT is not pretrained on the next sentence, but on the order of sentences",
        ),
        ("hf_roberta_mlm_L2", [], "RoBERTa is not pretrained on the next sentence"),
        ("hf_electra_disc_L2", ["--no-next-sentence"], "an ELECTRA is trained to tell replaced tokens apart"),
        ("none", [], "none"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(
    jack, golden, tmp_path, monkeypatch, capsys, checkpoint, given, message
):
    monkeypatch.chdir(tmp_path)
    Path("jack.txt").write_text("all work\nno play\n")
    source = jack if checkpoint == "jack" else golden / checkpoint
    arguments = [
        "--checkpoint",
        source,
        "--train",
        "jack.txt",
        "--output",
        "out",
        "--do-lower-case",
        *SMALL,
        *given,
    ]
    assert run_pretraining.main([*map(str, arguments)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not Path("out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_run_that_is_killed_ends_with_the_same_bits(trained, jack, text, tmp_path, seed):
    arguments = ["--checkpoint", jack, "--train", text, "--output", tmp_path / "run", *LEARN, "--save-every", "2"]
    command = [sys.executable, *map(str, [SCRIPT, *arguments])]
    step = 2 * int(np.random.default_rng(seed).integers(1, 8))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and not (tmp_path / f"run/step-{step:07}").exists():
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "going on after step" in again.stdout
    expected, found = values(trained[0] / "checkpoint"), values(tmp_path / "run/checkpoint")
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert np.array_equal(value, found[name]), name
