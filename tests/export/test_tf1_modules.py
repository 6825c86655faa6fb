"""TF1-format Hub modules are upgraded; what checks the interface of TF2 says that they have none."""

import shutil

from bertferry.convert import open_checkpoint
from bertferry.convert.checkpoint import same_bits
from bertferry.core.manifest import read_manifest
from bertferry.export.command import main


def test_a_module_is_upgraded_with_its_vocabulary_and_casing(golden, tmp_path):
    source = golden / "hub1_train_L1"
    assert main(["--module", str(source), "--output", str(tmp_path / "new")]) == 0
    written, expected = open_checkpoint(tmp_path / "new"), open_checkpoint(source)
    assert written.config.activation == "gelu_tanh"
    assert all(same_bits(written.read(name), expected.read(name)) for name in expected.parameters)
    assert read_manifest(tmp_path / "new").do_lower_case is True
    assert (tmp_path / "new/assets/vocab.txt").read_bytes() == (source / "assets/vocab.txt").read_bytes()


def test_checking_one_names_the_way_out(golden, tmp_path, capfd):
    source = shutil.copytree(golden / "hub1_train_L1", tmp_path / "source")
    assert main(["--check", str(source)]) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert "a module in TF1 format" in error
    assert "export-hub-module --module" in error
