"""The verifier's own sensitivity: every fault of `tools/planting.py` is caught, and located where it can be."""

from dataclasses import replace
from importlib.util import find_spec

import pytest
from planting import FAMILIES, agrees, artefacts, every_fault, exceeds, judged, plantable
from random_checkpoint import values, write
from weight_faults import CONFIG

from bertferry.convert import open_checkpoint
from bertferry.modeling.errors import DataError
from bertferry.verify.artefact import checkpoint_artefact
from bertferry.verify.tolerance import PROFILES

FAULTS = {fault.name: fault for fault in every_fault()}
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="needs the extra `torch`")
MARKED = [pytest.param(family, marks=[needs_torch] * (family == "pytorch")) for family in FAMILIES]
PLANTED = [
    pytest.param(name, family, marks=[needs_torch] * (family == "pytorch"))
    for name, fault in FAULTS.items()
    for family in FAMILIES
    if plantable(family, fault)
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return artefacts("network", None, tmp_path_factory.mktemp("sound"))[0]


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("family", MARKED)
def test_a_sound_artefact_agrees(sound, tmp_path, family, precision):
    for candidate in artefacts(family, None, tmp_path, precision):
        report = judged(sound, candidate)
        assert report.ok, report.verdict()
        drift = report.candidates[0].drift
        assert drift.culprit == ""
        assert bool(drift.points) == (not candidate.name.startswith(("golden", "huggingface")))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "family"), PLANTED)
def test_a_fault_is_caught_and_located(sound, tmp_path, name, family):
    fault = FAULTS[name]
    for candidate in artefacts(family, fault, tmp_path):
        report = judged(sound, candidate)
        assert not report.ok
        drift = report.candidates[0].drift
        if fault.name.startswith("fixed"):
            assert "fails" in drift.note
        elif candidate.name.startswith(("golden", "huggingface")):
            assert "does not say where its layers are" in drift.note
        else:
            assert (drift.culprit, drift.note) == (fault.culprit, ""), candidate.name


@pytest.mark.slow
@pytest.mark.parametrize(("name", "family"), PLANTED)
def test_a_fault_above_the_noise_is_caught_in_fp16(sound, tmp_path, name, family):
    fault = FAULTS[name]
    half = artefacts(family, fault, tmp_path / "half", "fp16")
    missed = [agrees(sound, candidate) for candidate in half]
    if any(missed):  # then its effect in fp32 has to be below the noise
        whole = artefacts(family, fault, tmp_path / "whole")
        for full, candidate, below in zip(whole, half, missed, strict=True):
            assert not (below and exceeds(judged(sound, full), PROFILES["fp16"])), candidate.name


def test_a_shorter_position_table_is_another_model(sound, tmp_path):

    config = replace(CONFIG, max_position_embeddings=15)
    write(tmp_path, config, values(config))
    with pytest.raises(DataError, match="is another model than"):
        judged(sound, checkpoint_artefact(open_checkpoint(tmp_path), "encoder"))
