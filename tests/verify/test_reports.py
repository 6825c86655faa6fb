"""Reports for other programs: JUnit XML, and assertions in other test suites."""

from xml.etree import ElementTree as Xml

import pytest

from bertferry.modeling.errors import UsageError
from bertferry.verify.command import main
from bertferry.verify.testing import assert_parity


def test_junit_has_a_case_an_output_and_probe_and_a_metric(golden, tmp_path, capfd):
    core, other = str(golden / "tf1_core_L2"), str(golden / "tf1_cls_L2")
    path = tmp_path / "parity.xml"
    arguments = ["--reference", core, "--candidate", core, "--candidate", other, "--junit", str(path)]
    assert main(arguments) == 1
    suites = Xml.parse(path).getroot()
    same, different = suites
    assert (same.get("tests"), same.get("failures")) == ("24", "0")
    assert different.get("tests") == "24"
    failed = different.findall("testcase/failure")
    assert len(failed) == int(different.get("failures")) > 0
    assert suites.get("failures") == different.get("failures")
    assert "values differ by more than fp32 allows" in failed[0].get("message")
    assert {case.get("name") for case in same} >= {"sequence_output on mixed", "pooled_output on length 1"}
    assert [file.name for file in tmp_path.iterdir()] == ["parity.xml"]


def test_an_unwritable_junit_file_is_refused_before_any_work(golden, tmp_path, capfd):
    core = str(golden / "tf1_core_L2")
    arguments = ["--reference", core, "--candidate", core, "--junit", str(tmp_path / "nowhere" / "x.xml")]
    capfd.readouterr()
    assert main(arguments) == 2
    assert "x.xml: cannot be written: give --junit another path" in capfd.readouterr().err


def test_assert_parity(golden):
    core, other = golden / "tf1_core_L2", golden / "tf1_cls_L2"
    assert_parity(core, core)
    assert_parity(core, [core, str(core)], profile="exact")
    with pytest.raises(AssertionError, match=r"DISAGREE in .*sequence_output"):
        assert_parity(core, other)
    with pytest.raises(UsageError, match="unknown profile"):
        assert_parity(core, core, profile="none")
