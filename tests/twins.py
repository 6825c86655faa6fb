"""Genuine files of other formats, compared with the checkpoint of the same values."""

import ml_dtypes
import numpy as np

from bertferry.convert import open_checkpoint
from bertferry.convert.checkpoint import same_bits
from bertferry.convert.command import main


def assert_equal(checkpoint, twin, *, bfloat16=False):
    """Asserts that both have the same parameters with the same bits, those of the twin rounded if asked for."""
    assert set(checkpoint.parameters) == set(twin.parameters)
    for parameter in twin.parameters:
        expected = twin.read(parameter)
        if bfloat16:
            expected = expected.astype(ml_dtypes.bfloat16)
        assert same_bits(np.ascontiguousarray(checkpoint.read(parameter)), expected), parameter


def assert_converts_alike(source, twin, folder, target, capfd):
    """Asserts that both convert to the same parameters with the same bits."""
    for number, path in enumerate((source, twin)):
        arguments = ["--input", str(path), "--output", str(folder / str(number)), "--to", target]
        assert main(arguments) == 0, capfd.readouterr().err
    written, expected = open_checkpoint(folder / "0"), open_checkpoint(folder / "1")
    assert written.parameters == expected.parameters
    assert all(same_bits(written.read(name), expected.read(name)) for name in expected.parameters)
