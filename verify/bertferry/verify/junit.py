"""A report as JUnit XML, which CI systems display test by test.

Format: https://github.com/testmoapp/junitxml.
"""

from xml.etree import ElementTree as Xml

from bertferry.verify.report import CandidateResult, ProbeResult, Report


def junit_xml(report: Report) -> str:
    """One suite per candidate, one case per output and probe and per metric.

    Disagreements are failures; what no criterion applies to is skipped.
    """
    suites = Xml.Element("testsuites", name="verify-parity")
    for candidate in report.candidates:
        suites.append(_suite(report, candidate))
    for count in ("tests", "failures", "skipped"):
        suites.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    Xml.indent(suites)
    return Xml.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _suite(report: Report, candidate: CandidateResult) -> Xml.Element:
    suite = Xml.Element("testsuite", name=candidate.name)
    failures = skipped = 0
    of_outputs = [case for probe in candidate.probes for case in _cases(probe)]
    of_outputs += [(metric.name, metric.reason) for metric in candidate.metrics]
    cases = [(*case, report.judges_outputs) for case in of_outputs]
    if (task := candidate.task_result) is not None:
        scores = [(score.name, score.reason) for score in task.scores] or [("scores", task.fault)]
        cases += [(f"{name} of {task.what}", why, report.tolerance.max_loss is not None) for name, why in scores]
    faults = enumerate(candidate.faults, start=1)
    cases += [(f"beside the outputs {number}", fault, True) for number, fault in faults]
    for name, reason, judged in cases:
        case = Xml.SubElement(suite, "testcase", classname=candidate.name, name=name)
        if reason:
            failures += 1
            Xml.SubElement(case, "failure", message=reason).text = reason
        elif not judged:
            skipped += 1
            Xml.SubElement(case, "skipped", message="measured, not judged")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(failures))
    suite.set("skipped", str(skipped))
    return suite


def _cases(probe: ProbeResult) -> list[tuple[str, str]]:
    """Name and reason of every comparison; a candidate that fails on a probe is one case."""
    if probe.error:
        return [(f"every output on {probe.probe}", probe.error)]
    return [(f"{diff.output} on {probe.probe}", diff.reason) for diff in probe.diffs]
