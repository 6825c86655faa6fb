"""The documentation site is built without a warning, and whatever is wrong with a page is named."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
for package in ("sphinx", "myst_parser", "furo"):
    pytest.importorskip(package, reason="the extra `docs` is not installed")
check_site = pytest.importorskip("check_site")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = tmp_path_factory.mktemp("site") / "site"
    built = subprocess.run(
        [sys.executable, ROOT / "tools/build_site.py", site], capture_output=True, text=True, cwd=site.parent
    )
    assert (built.returncode, built.stdout, built.stderr) == (0, "", "")
    return site


def test_every_document_is_a_page(site):
    documents = {path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]}
    pages = {path.relative_to(site).with_suffix(".md") for path in site.rglob("*.html")}
    assert documents <= pages


def test_the_reference_has_every_public_name(site):
    from bertferry import convert, export, verify

    for package in (convert, export, verify):
        page = (site / f"docs/reference/{package.__name__.split('.')[1]}.html").read_text()
        named = re.findall(rf'id="{package.__name__}\.(?:\w+\.)*(\w+)"', page)
        assert set(package.__all__) <= set(named)


def test_the_search_needs_no_server(site):
    assert (site / "searchindex.js").read_text().startswith("Search.setIndex(")
    assert '<script src="searchindex.js">' in (site / "search.html").read_text()


def test_what_is_wrong_with_a_source_is_named(tmp_path):
    """A dead link, a missing anchor, a page outside the navigation, and a docstring about an unknown argument."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text(INDEX)
    for name in ("other", "alone"):
        (tmp_path / f"docs/{name}.md").write_text("# Another\n")
    (tmp_path / "wrong_docstrings.py").write_text(WRONG)
    from build_site import OPTIONS

    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *OPTIONS, tmp_path, tmp_path / "site"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
    )
    assert built.returncode == 1
    for fault in (
        "docs/index.md:3: WARNING: 'myst' cross-reference target not found: 'gone.md'",
        "docs/index.md:3: WARNING: local id not found in doc 'docs/other': 'nowhere'",
        "docs/alone.md: WARNING: document isn't included in any toctree",
        "the docstring of wrong_docstrings.compute describes height, which it does not have",
        "the docstring of wrong_docstrings.Settings describes depth, which it does not have",
    ):
        assert fault in built.stderr, built.stderr
    assert built.stderr.count("WARNING") == 5


INDEX = """# Title

[dead](gone.md) and [missing](other.md#nowhere)

```{toctree}
other
```

```{eval-rst}
.. autofunction:: wrong_docstrings.compute
.. autoclass:: wrong_docstrings.Settings
```
"""
WRONG = '''
from dataclasses import dataclass


def compute(width, *rest, **options):
    """Something.

    Args:
      width, height: both sides.
      *rest: others.
      **options: named ones: any.

    Raises:
      ValueError: never: it is a test.
    """


@dataclass
class Settings:
    """Something.

    Attributes:
      width: a size.
      depth: another.
    """

    width: int
'''


def test_what_is_wrong_with_a_page_is_named(tmp_path):
    (tmp_path / "other.html").write_text('<p id="here">')
    (tmp_path / "page.html").write_text(
        '<script src="https://example.org/x.js"></script><img src="gone.png"><a href="other.html#here"></a>'
        '<a href="other.html#there"></a><a href="../outside.html"></a><a href="http://example.org"></a>'
        '<a href="https://example.org/x#y"></a><a href="#"></a><a href="#nowhere"></a>'
    )
    (tmp_path / "style.css").write_text("@font-face { src: url(https://example.org/font.woff) }")
    assert check_site.find_faults(tmp_path) == [
        "page.html: loads https://example.org/x.js",
        "page.html: leads nowhere: gone.png",
        "page.html: no such anchor: other.html#there",
        "page.html: leads nowhere: ../outside.html",
        "page.html: no address of a page: http://example.org",
        "page.html: no such anchor: #nowhere",
        "style.css: loads url(http",
    ]
