"""What `release-models` reports: rebuilt from receipts, with links that lead somewhere."""

import json
import re
import shutil

import pytest

from bertferry.core.results import Result
from bertferry.export import release_models
from bertferry.export.release.command import main
from bertferry.export.release.pages import COLUMNS, html_pieces
from bertferry.export.release.receipt import Receipt, parse_result
from bertferry.export.release.report import ReleaseReport, Row

pytest.importorskip("onnxruntime", reason="pip install 'bertferry[cpu]'")


def test_the_report_is_rebuilt_from_what_is_there(family):
    out = family / "out"
    first = json.loads((out / "release.json").read_text())
    for name in ("release.json", "release.md", "release.html"):
        (out / name).unlink()
    shutil.rmtree(out / "runs")
    release_models(family / "family.json", out)
    again = json.loads((out / "release.json").read_text())
    assert again.pop("run") != first.pop("run")
    assert again == first
    rows = ReleaseReport.from_dict({**again, "run": {}}, "release.json").models
    for row in rows:
        assert (out / row.page).is_file()
        assert row.seconds > 0
        assert row.memory > 10e6
    (graph,) = [row for row in rows if row.name == "fourth"]
    assert graph.part == "onnx/model.onnx"
    assert 0 < graph.difference < 1e-4


def test_pages_elsewhere_link_to_the_models(family, tmp_path):
    (tmp_path / "pages").mkdir()
    page = tmp_path / "pages" / "family.html"
    arguments = [str(family / "family.json"), "--output", str(family / "out"), "--html", str(page)]
    assert main([*arguments, "--json", str(tmp_path / "r.json")]) == 0
    links = re.findall(r'<a href="([^"]+)"', page.read_text())
    assert len(links) == 4
    assert all((page.parent / link).is_file() for link in links)
    assert json.loads((tmp_path / "r.json").read_text())["counts"] == {"released": 4}


def test_pages_of_a_model_link_to_its_parts(released):
    for page in (released / "out").glob("*/reports/*.html"):
        for link in re.findall(r'href="([^"]+)"', page.read_text()):
            assert (page.parent / link).exists(), link


def test_receipts_list_every_file(released):
    for path in (released / "out").glob("*/receipt.json"):
        receipt = parse_result(Receipt, path.read_bytes(), path)
        files = {str(file.relative_to(path.parent)) for file in path.parent.rglob("*") if file.is_file()}
        assert files == {*receipt.files, "receipt.json"}
        assert receipt.total_bytes == sum(
            file.stat().st_size for file in path.parent.rglob("*") if file != path and file.is_file()
        )


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_report_in_pieces_is_the_report(count):
    rows = (
        Row("a", "died", '"models": []', difference=float("inf")),
        Row("ä", "waiting", "c"),
        Row("b", "failed", "d"),
    )
    report = ReleaseReport('"models": []', rows[:count], {"released": 1}, ("a note",))
    assert report.to_json() == Result.to_json(report)
    assert ReleaseReport.from_dict(json.loads(report.to_json()), "x") == report


def test_texts_of_others_are_escaped_in_the_page():
    rows = (Row("a<b>", "failed", "x", error="</td><script>alert(1)</script> | $title"), Row("c", "waiting", "c"))
    page = "".join(html_pieces(ReleaseReport("<i>.toml", rows, {}, ("<u>",))))
    body = page[page.index("<body>") : page.index("<script>")]
    assert "&lt;script&gt;alert(1)" in body
    assert "| $title" in body
    assert not re.search("<(i|u|b)>", body)
    assert body.index("a&lt;b&gt;") < body.index(">c<")
    assert len(re.findall("<td", body)) == 2 * (len(COLUMNS) - 1)
