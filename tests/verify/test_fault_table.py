"""The verifier's sensitivity: every fault of `tools/planting.py` is caught, and located if possible."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from planting import agrees, artifacts, can_plant, compare_pair, every_fault, exceeds
from random_checkpoint import values, write
from sensitivity import KINDS, PERTURBED, Sound, arbiter_of, smallest_change, write_changed
from subjects import BERT, FAMILIES
from weight_faults import CONFIG

from bertferry.convert import open_checkpoint
from bertferry.core.errors import DataError
from bertferry.verify.artifact import checkpoint_artifact
from bertferry.verify.tolerance import PROFILES

PAGE = (Path(__file__).parents[2] / "docs" / "sensitivity.md").read_text()
FAULTS = {fault.name: fault for fault in every_fault()}
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="needs the extra `torch`")
MARKED = [pytest.param(family, marks=[needs_torch] * (family == "pytorch")) for family in FAMILIES]
PLANTED = [
    pytest.param(name, family, marks=[needs_torch] * (family == "pytorch"))
    for name, fault in FAULTS.items()
    for family in FAMILIES
    if can_plant(family, fault)
]
IN_HALF_PRECISION = [case for case in PLANTED if "numpy" not in case.values]


@pytest.fixture(scope="module")
def both_sound(tmp_path_factory):
    return Sound.of(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def sound(both_sound):
    return both_sound.numpy


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("family", MARKED)
def test_a_sound_artifact_agrees(sound, tmp_path, family, precision):
    for candidate in artifacts(family, None, tmp_path, precision):
        report = compare_pair(sound, candidate)
        assert report.ok, report.verdict()
        drift = report.candidates[0].drift
        assert drift.culprit == ""
        assert bool(drift.points) == (not candidate.name.startswith(("golden", "huggingface")))


def test_a_sound_network_in_numpy_agrees_with_keras(both_sound, tmp_path):
    assert [report.ok for report in both_sound.reports("numpy", None, tmp_path)] == [True, True]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "family"), PLANTED)
def test_a_fault_is_caught_and_located(both_sound, tmp_path, name, family):
    fault = FAULTS[name]
    reports = both_sound.reports(family, fault, tmp_path)
    assert len(reports) in (len(KINDS[family]), 1)  # stored outputs have no vocabulary
    for report in reports:
        assert not report.ok
        (candidate,) = report.candidates
        if fault.name.startswith("fixed"):
            assert "fails" in candidate.drift.note
        elif candidate.name.startswith(("golden", "huggingface")):
            assert "does not mark its inspection points" in candidate.drift.note
        else:
            assert (candidate.drift.culprit, candidate.drift.note) == (fault.culprit, ""), candidate.name


@pytest.mark.slow
@pytest.mark.parametrize(("name", "family"), IN_HALF_PRECISION)
def test_a_fault_has_the_published_verdict_in_fp16(sound, tmp_path, name, family):
    fault = FAULTS[name]
    half = artifacts(family, fault, tmp_path / "half", "fp16")
    verdicts = ["below the noise" if agrees(sound, candidate) else "caught" for candidate in half]
    kinds = KINDS[family][: len(half)]
    assert verdicts == [published(name, kind) for kind in kinds]
    if "below the noise" in verdicts:
        whole = artifacts(family, fault, tmp_path / "whole")
        for full, verdict in zip(whole, verdicts, strict=True):
            assert verdict == "caught" or not exceeds(compare_pair(sound, full), PROFILES["fp16"]), full.name


def published(name, kind):
    """The verdict in fp16 in docs/sensitivity.md: one for all kinds of artifact, or `kind verdict, ...`."""
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {name} |"))
    cell = row.strip("| ").split(" | ")[-1]
    of_kinds = dict(part.split(" ", 1) for part in cell.split(", ")) if ", " in cell else {}
    return of_kinds.get(kind, cell)


@pytest.mark.slow
@pytest.mark.parametrize("name", PERTURBED)
def test_the_smallest_fault_is_caught(sound, tmp_path, name):
    """One element, changed until the float64 outputs differ by twice the profile."""
    index = PERTURBED[name]
    change = smallest_change(arbiter_of(tmp_path / "sound", BERT.parameters()), name, index, tmp_path / "change")
    checkpoint = open_checkpoint(write_changed(tmp_path / "change", name, index, change))
    assert not compare_pair(sound, checkpoint_artifact(checkpoint, "encoder")).ok


def test_a_shorter_position_table_is_a_different_configuration(sound, tmp_path):
    config = replace(CONFIG, max_position_embeddings=15)
    write(tmp_path, config, values(config))
    with pytest.raises(DataError, match="has a different configuration from"):
        compare_pair(sound, checkpoint_artifact(open_checkpoint(tmp_path), "encoder"))
