"""Hugging Face directories in transformers and PyTorch."""

import shutil
from importlib.util import find_spec
from typing import Any

import pytest

from bertferry.convert import ConversionOptions, convert_checkpoint
from bertferry.verify import ParityOptions, render, verify_parity
from bertferry.verify.command import main


def run(capfd, *arguments):
    capfd.readouterr()
    code = main([str(argument) for argument in arguments])
    return code, *capfd.readouterr()


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed")
def test_pytorch_that_is_not_installed_is_exit_3(golden, tmp_path, capfd):
    convert_checkpoint(golden / "tf1_core_L2", tmp_path / "hf", ConversionOptions(to="huggingface"))
    arguments = ("--reference", golden / "tf1_core_L2", "--candidate", f"huggingface:{tmp_path / 'hf'}")
    code, _, err = run(capfd, *arguments)
    assert code == 3
    assert "pip install 'bertferry[torch]'" in err


@pytest.mark.skipif(find_spec("torch") is None, reason="needs the extra `torch`")
def test_a_pickle_next_to_another_checkpoint_is_not_loaded(golden, tmp_path, capfd):
    import torch
    from safetensors.torch import load_file

    convert_checkpoint(golden / "tf1_core_L2", tmp_path / "hf", ConversionOptions(to="huggingface"))
    weights = tmp_path / "hf" / "model.safetensors"
    torch.save(load_file(weights), tmp_path / "hf" / "pytorch_model.bin")
    weights.unlink()
    shutil.copytree(golden / "tf1_core_L2", tmp_path / "hf", dirs_exist_ok=True)
    sides = ["--reference", str(golden / "tf1_core_L2"), "--candidate", f"huggingface:{tmp_path / 'hf'}"]
    capfd.readouterr()
    assert main(sides) == 1
    err = capfd.readouterr().err
    assert "not a loadable Hugging Face model" in err
    assert "model.safetensors" in err
    assert err.count("\n") == 1


@pytest.mark.skipif(find_spec("torch") is None, reason="needs the extra `torch`")
def test_pytorch_agrees(golden, tmp_path):
    sources: dict[Any, str] = {
        "encoder": "core",
        "classifier": "cls",
        "tokens": "token",
        "span": "squad",
        "pretrainer": "pretrain",
        "mlm": "pretrain",
    }
    for task, source in sources.items():
        checkpoint, copy = golden / f"tf1_{source}_L2", tmp_path / task
        convert_checkpoint(
            checkpoint, copy, ConversionOptions(to="huggingface", task="pretrainer" if task == "mlm" else task)
        )
        report = verify_parity(checkpoint, [f"huggingface:{copy}"], ParityOptions(task=task))
        missing = {
            diff.reason for probe in report.candidates[0].probes for diff in probe.diffs if not diff.statistics
        }
        assert report.ok, (missing, render(report))
