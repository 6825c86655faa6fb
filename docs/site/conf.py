"""The documentation site, built by ./tools/docs. Its pages are the Markdown files of this repository, in place."""

import sys
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))
from docstrings import name_no_factory, prepare  # noqa: E402 - beside this file

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
project, release = PROJECT["name"], PROJECT["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**"]
exclude_patterns = [".*", "build", "dist", "tests", "tools", "examples"]
exclude_patterns += ["core", "modeling", "convert", "verify", "export"]
smartquotes = False  # they make one dash of the two of a flag
highlight_language = "text"
default_role = "code"  # docstrings have code between single backticks
myst_heading_anchors = 4  # named as GitHub names them

html_theme = "furo"  # loads nothing from other hosts
html_title = f"{project} {release}"
html_static_path, html_css_files = ["static"], ["site.css"]
html_extra_path = ["root"]
html_copy_source = html_show_copyright = False

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_use_ivar = True


def setup(app: Sphinx) -> None:
    """Reads docstrings and signatures before others do."""
    app.connect("autodoc-process-docstring", prepare, priority=1)
    app.connect("autodoc-process-signature", name_no_factory)
