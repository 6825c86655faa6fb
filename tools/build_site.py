"""Builds the documentation site and checks it: a warning is an error, and so is what `check_site.py` finds.

Usage: python tools/build_site.py SITE

SITE is replaced. Ends with 0 if nothing is wrong; otherwise prints it, a line each.
"""

import shutil
import sys
from importlib import import_module
from pathlib import Path

from check_site import find_faults
from sphinx.cmd.build import build_main

from bertferry.core.quiet import hold_back_stderr

ROOT = Path(__file__).parent.parent
OPTIONS = ["--builder=html", f"--conf-dir={ROOT / 'docs/site'}", "--fail-on-warning", "--fresh-env", "--quiet"]


def main() -> None:
    site = Path(sys.argv[1]).resolve()
    shutil.rmtree(site, ignore_errors=True)
    with hold_back_stderr():  # TensorFlow complains while it is imported
        import_module("bertferry.modeling.networks")
    status = build_main([*OPTIONS, "--doctree-dir", f"{site}-cache", str(ROOT), str(site)])
    found = find_faults(site)
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(1 if status or found else 0)


if __name__ == "__main__":
    main()
