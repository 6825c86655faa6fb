"""The report claims what has been shown, and no more."""

import pytest

from bertferry.convert import ConversionOptions, convert_checkpoint

HEAD = {"task": "classifier", "init_missing_head": True, "num_labels": 3}


@pytest.mark.parametrize(
    ("options", "dry_run", "proof"),
    [
        ({}, False, "re-read and equal to the source bit for bit"),
        ({"dtype": "float16"}, False, "re-read and equal to the source cast to float16 bit for bit"),
        (HEAD, False, "re-read, 39 equal to the source bit for bit, 2 initialized"),
        (
            {**HEAD, "dtype": "bfloat16"},
            False,
            "re-read, 39 equal to the source cast to bfloat16 bit for bit, 2 initialized",
        ),
        ({"dtype": "float16"}, True, "nothing written"),
    ],
)
def test_the_summary_says_what_the_tensors_were_compared_with(golden, tmp_path, options, dry_run, proof):
    report = convert_checkpoint(
        golden / "tf1_core_L2", tmp_path / "out", ConversionOptions(**options), dry_run=dry_run
    )
    assert report.render().splitlines()[1].endswith(f"; {proof}")
