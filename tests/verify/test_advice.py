"""The hint of a report is right for the inputs and the flags at hand."""

from typing import Any

import numpy as np
import pytest

from bertferry.verify.command import main
from bertferry.verify.probes import ModelLimits, standard_probes


@pytest.fixture(scope="module")
def stored(golden, tmp_path_factory):
    """The golden encoder's outputs for the standard probes."""
    path = tmp_path_factory.mktemp("advice") / "stored.npz"
    core = str(golden / "tf1_core_L2")
    assert main(["--reference", core, "--candidate", core, "--save-golden", str(path)]) == 0
    return path


@pytest.fixture
def advice(stored, tmp_path, capfd):
    """Changes a stored output at places that depend on name and mask, compares, and returns the hint."""

    def compare(output, places, *flags, value=1.0):
        with np.load(stored) as arrays:
            changed = dict(arrays)
        for key in list(changed):
            probe, _, name = key.rpartition("/")
            if name == output:
                changed[key][places(probe, changed[f"{probe}/input_mask"])] += value
        np.savez(tmp_path / "changed.npz", **changed)
        capfd.readouterr()
        code = main(["--reference", str(stored), "--candidate", str(tmp_path / "changed.npz"), *flags])
        lines = capfd.readouterr().out.splitlines()
        return code, next((line for line in lines if line.startswith("hint: ")), lines[-1])

    return compare


def padding(probe, mask):
    return mask == 0


def padded_rows(probe, mask):
    return ~mask.all(axis=1)


def length_1(probe, mask):
    return np.full(mask.shape, probe == "length 1")


def everywhere(probe, mask):
    return mask >= 0


def test_padding_is_named_if_it_alone_differs(advice):
    code, line = advice("sequence_output", padding)
    assert code == 1
    assert line == ("hint: only padded positions differ; ignore them with --positions unmasked")
    assert advice("sequence_output", padding, "--positions", "unmasked")[0] == 0


def test_ignoring_padding_is_proposed_only_if_that_would_help(advice):
    assert advice("pooled_output", padded_rows) == (
        1,
        "hint: only padded inputs differ; compare how the mask is applied",
    )


@pytest.mark.parametrize(
    ("places", "scope"), [(length_1, "1 of 11 inputs differ"), (everywhere, "every input differs")]
)
def test_some_inputs_are_not_called_every_input(advice, places, scope):
    compare = "compare activation and num_attention_heads"
    line = f"hint: {scope}; --localize shows where drift begins; {compare}"
    assert advice("sequence_output", places) == (1, line)


def test_nan_is_not_called_a_name_a_shape_or_a_type(advice):
    code, line = advice("sequence_output", everywhere, value=np.nan)
    assert code == 1
    assert line.startswith("hint: some outputs cannot be compared; if shapes or types differ, ")


def test_nothing_compared_is_no_agreement(golden, tmp_path, capfd):
    probe = standard_probes(ModelLimits(30, 3, 16))[0].inputs
    padding: dict[str, Any] = {**probe, "input_mask": np.zeros_like(probe["input_mask"])}
    np.savez(tmp_path / "padding.npz", **padding)
    core = str(golden / "tf1_core_L2")
    arguments = ["--reference", core, "--candidate", core, "--inputs", str(tmp_path / "padding.npz")]
    assert main(arguments) == 0
    capfd.readouterr()
    assert main([*arguments, "--judge-padding", "never"]) == 1
    assert "DISAGREE: nothing was compared" in capfd.readouterr().out
