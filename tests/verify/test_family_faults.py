"""The verifier's sensitivity on other encoders of BERT's family: every fault is caught, and located."""

from importlib.util import find_spec

import pytest
from planting import agrees, artifacts, can_plant, compare_pair, every_fault, exceeds
from subjects import BERT, SUBJECTS

from bertferry.verify.tolerance import PROFILES

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="needs the extra `torch`")
OTHERS = {subject.name: subject for subject in SUBJECTS if subject is not BERT}
FAULTS = {name: {fault.name: fault for fault in every_fault(subject)} for name, subject in OTHERS.items()}
PLACES = [(name, family) for name, subject in OTHERS.items() for family in subject.families]
PLANTED = [
    (name, family, fault)
    for name, family in PLACES
    for fault in FAULTS[name]
    if can_plant(family, FAULTS[name][fault], OTHERS[name])
]


def marked(cases):
    return [pytest.param(*case, marks=[needs_torch] * (case[1] == "pytorch")) for case in cases]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The sound networks in NumPy."""
    folder = tmp_path_factory.mktemp("sound")
    return {name: artifacts("numpy", None, folder / name, subject=subject)[0] for name, subject in OTHERS.items()}


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize(("name", "family"), marked(PLACES))
def test_a_sound_artifact_agrees(sound, tmp_path, name, family, precision):
    for candidate in artifacts(family, None, tmp_path, precision, OTHERS[name]):
        report = compare_pair(sound[name], candidate, OTHERS[name].task)
        assert report.ok, report.verdict()
        assert report.candidates[0].drift.culprit == ""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "family", "fault"), marked(PLANTED))
def test_a_fault_is_caught_and_located(sound, tmp_path, name, family, fault):
    subject, planted = OTHERS[name], FAULTS[name][fault]
    for candidate in artifacts(family, planted, tmp_path, subject=subject):
        report = compare_pair(sound[name], candidate, subject.task)
        assert not report.ok
        drift = report.candidates[0].drift
        if family == "pytorch":
            assert "does not mark its inspection points" in drift.note
        elif planted.name.startswith("fixed"):
            assert "fails" in drift.note
        else:
            assert (drift.culprit, drift.note) == (planted.culprit, "")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "family", "fault"), marked(case for case in PLANTED if case[1] != "numpy"))
def test_a_fault_in_half_precision_is_caught_unless_it_is_noise(sound, tmp_path, name, family, fault):
    subject, planted = OTHERS[name], FAULTS[name][fault]
    halves = artifacts(family, planted, tmp_path / "half", "fp16", subject)
    wholes = artifacts(family, planted, tmp_path / "whole", subject=subject)
    for half, whole in zip(halves, wholes, strict=True):
        if agrees(sound[name], half, subject.task):
            assert not exceeds(compare_pair(sound[name], whole, subject.task), PROFILES["fp16"]), fault
