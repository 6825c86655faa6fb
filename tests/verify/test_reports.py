"""Reports for other programs: JUnit XML, HTML, saved reports, and assertions in other test suites."""

import json
import math
import shutil
from html.parser import HTMLParser
from xml.etree import ElementTree as Xml

import pytest

from bertferry.core.errors import UsageError
from bertferry.verify import PROFILES, ParityOptions, verify_parity
from bertferry.verify.command import main
from bertferry.verify.console_report import render
from bertferry.verify.html import html_report
from bertferry.verify.junit import junit_xml
from bertferry.verify.stored_report import read_report, rejudge
from bertferry.verify.testing import assert_parity


def test_junit_has_one_case_per_output_and_probe_and_per_metric(golden, tmp_path, capfd):
    core, other = str(golden / "tf1_core_L2"), str(golden / "tf1_cls_L2")
    path = tmp_path / "parity.xml"
    arguments = ["--reference", core, "--candidate", core, "--candidate", other, "--junit", str(path)]
    assert main(arguments) == 1
    suites = Xml.parse(path).getroot()
    same, different = suites
    assert (same.get("tests"), same.get("failures"), same.get("skipped")) == ("26", "0", "0")
    assert different.get("tests") == "26"
    failed = different.findall("testcase/failure")
    assert len(failed) == int(different.get("failures")) > 0
    assert suites.get("failures") == different.get("failures")
    assert "values differ by more than fp32 allows" in failed[0].get("message")
    assert {case.get("name") for case in same} >= {"sequence_output on mixed", "pooled_output on length 1"}
    assert [file.name for file in tmp_path.iterdir()] == ["parity.xml"]


def test_what_nothing_judges_is_nowhere_said_to_agree(golden):
    """No difference can exceed an infinite bound."""
    options = ParityOptions(atol=math.inf, probes=("mixed",))
    report = verify_parity(golden / "tf1_core_L2", [golden / "tf1_cls_L2"], options)
    assert report.verdict().startswith("NOT JUDGED on 1 probe; measured: largest difference ")
    assert {key: report.to_dict()[key] for key in ("ok", "judged")} == {"ok": True, "judged": False}
    suites = Xml.fromstring(junit_xml(report))
    assert suites.get("skipped") == suites.get("tests") == str(len(suites.findall("*/testcase/skipped")))
    for text in (report.verdict(), html_report(report), render(report)):
        assert "agree" not in text.lower()
        assert "not judged" in text.lower()
    judged = rejudge(report, PROFILES["fp32"], {})
    assert not judged.ok
    assert judged.to_dict()["judged"] is True


def test_assert_parity(golden):
    core, other = golden / "tf1_core_L2", golden / "tf1_cls_L2"
    assert_parity(core, core)
    assert_parity(core, [core, str(core)], ParityOptions(profile="exact"))
    with pytest.raises(AssertionError, match=r"DISAGREE in .*sequence_output"):
        assert_parity(core, other)
    with pytest.raises(UsageError, match="unknown profile"):
        assert_parity(core, core, ParityOptions(profile="none"))


PROBE = ("candidates", 0, "probes", 0)
STATISTICS = (*PROBE, "diffs", 0, "statistics")


@pytest.fixture(scope="module")
def stored(golden, tmp_path_factory):
    """The saved report of a checkpoint that equals its reference."""
    core, path = str(golden / "tf1_core_L2"), tmp_path_factory.mktemp("stored") / "report.json"
    assert main(["--reference", core, "--candidate", core, "--probes", "mixed", "--json", str(path)]) == 0
    return path


class TestStoredReports:
    @pytest.fixture
    def wrong(self, golden, tmp_path):
        """A checkpoint with a small fault, and the flags that compare it."""
        folder = shutil.copytree(golden / "tf1_core_L2", tmp_path / "wrong")
        config = json.loads((folder / "bert_config.json").read_text())
        (folder / "bert_config.json").write_text(json.dumps({**config, "activation": "gelu_erf"}))
        return ["--reference", str(golden / "tf1_core_L2"), "--candidate", str(folder)]

    def test_rejudging_gives_the_same_result_as_rerunning(self, wrong, tmp_path, capfd):
        stored = str(tmp_path / "report.json")
        assert main([*wrong, "--json", stored]) == 1
        for flags in ([], ["--profile", "fp16"], ["--profile", "exact"], ["--atol", "1e-2", "--rtol", "0"]):
            capfd.readouterr()
            expected = main([*wrong, *flags])
            ran = capfd.readouterr().out.splitlines()
            assert main(["--rejudge", stored, *flags]) == expected
            judged = capfd.readouterr().out.splitlines()
            assert [line for line in judged if " ok" in line] == [line for line in ran if " ok" in line]
        assert main(["--rejudge", stored, "--profile", "bf16"]) == 0

    def test_single_outputs_have_tolerances_of_their_own(self, wrong, tmp_path, capfd):
        assert main([*wrong, "--profile", "fp16"]) == 0
        assert main([*wrong, "--profile", "fp16", "--override", "pooled_output=fp32"]) == 1
        both = ["--override", "sequence_output=fp16", "--override", "pooled_output=1e-2,1e-2"]
        assert main([*wrong, *both]) == 0
        (tmp_path / "some.json").write_text('{"sequence_output": "fp16", "pooled_output": "1e-2,1e-2"}')
        assert main([*wrong, "--override", str(tmp_path / "some.json")]) == 0
        stored = str(tmp_path / "report.json")
        assert main([*wrong, *both, "--json", stored]) == 0
        assert main(["--rejudge", stored]) == 0
        assert main(["--rejudge", stored, "--override", "sequence_output=exact"]) == 1

    @pytest.mark.parametrize(
        "given", ["sequence_output", "sequence_output=", "=fp16", "x=1", "x=a,b", "none.json"]
    )
    def test_malformed_tolerances_are_refused(self, wrong, capfd, given):
        capfd.readouterr()
        assert main([*wrong, "--override", given]) == 2
        assert capfd.readouterr().err.count("\n") == 1

    def test_getting_worse_than_a_baseline_is_a_disagreement(self, wrong, golden, tmp_path, capfd):
        core = str(golden / "tf1_core_L2")
        baseline = str(tmp_path / "baseline.json")
        assert main(["--reference", core, "--candidate", core, "--json", baseline]) == 0
        assert main(["--reference", core, "--candidate", core, "--baseline", baseline]) == 0
        capfd.readouterr()
        assert main([*wrong, "--profile", "fp16", "--baseline", baseline]) == 1
        out = capfd.readouterr().out
        assert "regression: sequence_output on 'mixed': max abs" in out
        assert "DISAGREE" in out.splitlines()[-2]
        assert main([*wrong, "--profile", "fp16", "--probes", "mixed", "--json", baseline]) == 0
        assert main([*wrong, "--profile", "fp16", "--baseline", baseline]) == 0  # no worse than it was
        assert main([*wrong, "--profile", "fp16", "--probes", "odd length", "--baseline", baseline]) == 1
        assert "no longer compared" in capfd.readouterr().out

    @pytest.mark.parametrize("flag", ["--rejudge", "--baseline"])
    @pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "bertferry.parity/1"}', None])
    def test_a_file_that_is_no_report_is_refused(self, golden, tmp_path, capfd, flag, text):
        path = tmp_path / "report.json"
        if text is not None:
            path.write_text(text)
        core = str(golden / "tf1_core_L2")
        sides = ["--reference", core, "--candidate", core] if flag == "--baseline" else []
        capfd.readouterr()
        assert main([*sides, flag, str(path)]) == 2
        err = capfd.readouterr().err
        assert "report.json: " in err
        assert err.count("\n") == 1

    @pytest.mark.parametrize(
        ("way", "value", "fault"),
        [
            ((), {"candidates": []}, "candidates is empty"),
            ((), {"task": "translation"}, "task is 'translation': expected one of encoder"),
            ((), {"seeed": 1}, "unknown key seeed"),
            (("candidates", 0), {"faults": "none"}, "candidates[0].faults must be a list, not 'none'"),
            (PROBE, {"padded": None}, "candidates[0].probes[0].padded must be true or false, not None"),
            (STATISTICS, {"max_abs": "large"}, ".statistics.max_abs must be a number, not 'large'"),
            (STATISTICS, {"needed": {"0": 1}}, ".statistics: needed has no 0.0001"),
            (STATISTICS, {"percentiles": {"50": 1}}, ".statistics: percentiles has no 90"),
            (STATISTICS, {"histogram": [1]}, ".statistics: histogram has 1 counts, expected 14"),
        ],
    )
    def test_a_damaged_report_is_refused(self, stored, tmp_path, capfd, way, value, fault):
        report = json.loads(stored.read_text())
        inner = report
        for step in way:
            inner = inner[step]
        inner.update(value)
        path = tmp_path / "damaged.json"
        path.write_text(json.dumps(report))
        capfd.readouterr()
        assert (
            main(["--rejudge", str(path), "--baseline", str(stored), "--html", str(tmp_path / "page.html")]) == 2
        )
        err = capfd.readouterr().err
        assert err.count("\n") == 1
        assert "damaged.json: " in err
        assert fault in err

    def test_a_report_survives_being_stored(self, wrong, tmp_path, capfd):
        stored = tmp_path / "report.json"
        assert main([*wrong, "--localize", "--json", str(stored)]) == 1
        report = read_report(stored)
        assert json.loads(stored.read_text()) == json.loads(json.dumps(report.to_dict()))
        assert report.candidates[0].drift.culprit == "layer_0/output"


class TestGolden:
    def test_a_stored_reference_can_be_replayed(self, golden, tmp_path, capfd):
        core, stored = str(golden / "tf1_core_L2"), str(tmp_path / "golden.npz")
        arguments = ["--reference", core, "--candidate", core, "--save-golden", stored]
        assert main(arguments) == 0
        capfd.readouterr()
        assert main(["--reference", stored, "--candidate", core]) == 0
        assert "AGREE on 11 probes" in capfd.readouterr().out
        assert main(["--reference", core, "--candidate", stored]) == 0
        assert main(["--reference", stored, "--candidate", str(golden / "tf1_cls_L2")]) == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == ["golden.npz"]

    def test_its_inputs_can_be_reused(self, golden, tmp_path, capfd):
        core, stored = str(golden / "tf1_core_L2"), str(tmp_path / "golden.npz")
        arguments = ["--reference", core, "--candidate", core]
        assert main([*arguments, "--probes", "mixed,odd length", "--save-golden", stored]) == 0
        assert main([*arguments, "--inputs", stored]) == 0
        assert "AGREE on 2 probes" in capfd.readouterr().out


class Page(HTMLParser):
    """Asserts that every open tag is closed; collects the text and the resources that the page would fetch."""

    VOID = frozenset({"meta", "br", "hr", "img", "line", "rect"})

    def __init__(self):
        super().__init__()
        self.open, self.text, self.fetched = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID or (tag == "rect" and not self.get_starttag_text().endswith("/>")):
            self.open.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href")]

    def handle_startendtag(self, tag, attrs):
        self.fetched += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_whole_and_needs_no_network(golden, tmp_path, capfd):
    core, other, path = str(golden / "tf1_core_L2"), str(golden / "tf1_cls_L2"), tmp_path / "parity.html"
    arguments = ["--reference", core, "--candidate", core, "--candidate", other, "--localize", "--html", str(path)]
    assert main(arguments) == 1
    page = Page()
    page.feed(path.read_text())
    assert (page.open, page.fetched) == ([], [])
    text = " ".join(page.text)
    for shown in ("DISAGREE in 22", "agrees", "disagrees", "Worst positions", "layer_1/attention", "hidden_size"):
        assert shown in text
    assert "tensorflow" in text
    assert "@import" not in text
    assert "url(" not in text


def test_markup_in_names_stays_text(golden, tmp_path, capfd):
    odd = shutil.copytree(golden / "tf1_core_L2", tmp_path / "<b>&odd")
    path = tmp_path / "parity.html"
    arguments = ["--reference", str(odd), "--candidate", str(odd), "--html", str(path), "--probes", "mixed"]
    assert main([*arguments, "--junit", str(tmp_path / "parity.xml")]) == 0
    assert "&lt;b&gt;&amp;odd" in path.read_text()
    assert "<b>" not in path.read_text()
    assert "<b>&odd" in Xml.parse(tmp_path / "parity.xml").getroot()[0].get("name")


@pytest.mark.parametrize("flag", ["--json", "--junit", "--html", "--save-golden"])
def test_a_report_that_cannot_be_written_is_refused_before_any_work(golden, tmp_path, capfd, flag):
    core = str(golden / "tf1_core_L2")
    capfd.readouterr()
    assert main(["--reference", core, "--candidate", core, flag, str(tmp_path / "nowhere" / "x")]) == 2
    assert f"x: cannot be written: choose another path for {flag}" in capfd.readouterr().err


def test_decisions_are_counted(golden, tmp_path, capfd):
    for source, task, line in (
        ("cls", "classifier", "argmax of logits: "),
        ("token", "tokens", "argmax of logits: "),
        ("squad", "span", "same span: "),
        ("pretrain", "pretrainer", "top 5 of mlm_logits: 100.00% of the best 5 shared"),
    ):
        checkpoint = str(golden / f"tf1_{source}_L2")
        capfd.readouterr()
        assert main(["--reference", checkpoint, "--candidate", checkpoint, "--task", task]) == 0
        assert line in capfd.readouterr().out
