"""What a report says to look at next is so, for the inputs and the flags at hand."""

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
    """Changes a stored output where a function of name and mask says so, compares, and gives the last line."""

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
        return code, next((line for line in lines if line.startswith("next: ")), lines[-1])

    return compare


def padding(probe, mask):
    return mask == 0


def padded_rows(probe, mask):
    return ~mask.all(axis=1)


def length_1(probe, mask):
    return np.full(mask.shape, probe == "length 1")


def everywhere(probe, mask):
    return mask >= 0


def test_padding_is_named_where_it_alone_differs(advice):
    code, line = advice("sequence_output", padding)
    assert code == 1
    assert line == (
        "next: only padded inputs differ; look at the mask, or judge tokens alone with --positions unmasked"
    )
    assert advice("sequence_output", padding, "--positions", "unmasked")[0] == 0


def test_tokens_alone_are_proposed_only_where_that_would_help(advice):
    assert advice("pooled_output", padded_rows) == (1, "next: only padded inputs differ; look at the mask")


@pytest.mark.parametrize(
    ("places", "scope"), [(length_1, "1 of 11 inputs differ"), (everywhere, "every input differs")]
)
def test_some_inputs_are_not_called_every_input(advice, places, scope):
    compare = "compare activation and num_attention_heads"
    line = f"next: {scope}; --localize finds where it begins; {compare}"
    assert advice("sequence_output", places) == (1, line)
    assert advice("sequence_output", places, "--localize") == (1, f"next: {scope}; {compare}")


def test_what_is_no_number_is_not_called_a_name_a_shape_or_a_type(advice):
    code, line = advice("sequence_output", everywhere, value=np.nan)
    assert code == 1
    assert line.startswith("next: some outputs cannot be compared; where names, shapes or types differ, ")


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
