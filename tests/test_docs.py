"""The documents are correct: commands parse, snippets run, tables and help are complete."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bertferry.convert import LAYOUTS, SourceOptions, convert_checkpoint
from bertferry.convert.command import build_parser as convert
from bertferry.convert.layouts import WRITTEN
from bertferry.export import ModuleOptions, OnnxOptions, export_hub_module, export_onnx
from bertferry.export.command import build_parser as export
from bertferry.export.onnx.command import build_parser as onnx
from bertferry.export.publish.command import build_parser as publish
from bertferry.export.release.command import build_parser as release
from bertferry.verify.command import build_parser as verify

LOWER = SourceOptions(do_lower_case=True)

ROOT = Path(__file__).parent.parent
PARSERS = {parser.prog: parser for parser in (convert(), export(), onnx(), publish(), release(), verify())}
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def command_lines():
    """Every command of ours in a document, in a block or a table."""
    pattern = re.compile(
        rf"^(?:\$ )?((?:{'|'.join(PARSERS)}) .*)$|`((?:{'|'.join(PARSERS)}) -[^`]*)`", re.MULTILINE
    )
    for document in DOCUMENTS:
        for found in pattern.finditer(document.read_text()):
            yield found[1] or found[2]


@pytest.mark.parametrize(
    ("tool", "page"), [("command_help.py", "docs/commands.md"), ("dialects.py", "docs/dialects.md")]
)
def test_a_generated_page_is_current(tool, page):
    printed = subprocess.run([sys.executable, ROOT / "tools" / tool], capture_output=True, text=True)
    assert printed.stdout == (ROOT / page).read_text(), printed.stderr


def test_documents_show_commands():
    assert {shlex.split(line)[0] for line in command_lines()} == set(PARSERS)


@pytest.mark.parametrize("line", sorted(set(command_lines())))
def test_a_command_that_is_shown_parses(line):
    program, *arguments = shlex.split(line)
    PARSERS[program].parse_args(arguments)


def test_the_readme_lists_every_layout():
    rows = re.findall(r"^\| `(\w+)` \|.*\| yes \| (yes)? ?\|$", README, re.MULTILINE)
    listed = {name: bool(written) for name, written in rows}
    assert listed == {name: layout in WRITTEN for name, layout in LAYOUTS.items()}


def test_links_lead_somewhere():
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


@pytest.fixture(scope="module")
def readme_folder(minilm, tmp_path_factory):
    """A folder with the real all-MiniLM-L6-v2 as the README's snippets find it."""
    folder = tmp_path_factory.mktemp("readme")
    convert_checkpoint(minilm, folder / "minilm-keras")
    export_hub_module(
        folder / "minilm-keras",
        folder / "minilm-hub",
        ModuleOptions(verify=False),
        source=LOWER,
    )
    export_onnx(
        folder / "minilm.onnx", OnnxOptions(optimize="ort", verify=False), checkpoint=folder / "minilm-keras"
    )
    return folder


@pytest.mark.parametrize("number", range(len(re.findall("```python", README))))
@pytest.mark.filterwarnings("ignore:.*")  # from Keras and TensorFlow, as a user sees them
def test_a_snippet_of_the_readme_runs(number, readme_folder, monkeypatch):
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[number]
    monkeypatch.chdir(readme_folder)
    exec(compile(code, f"snippet {number} of README.md", "exec"), {"__name__": "__main__"})


def test_the_demo_of_the_readme_is_what_it_prints():
    """Everything but the last digits, which depend on the processor."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    block = README[README.index("$ convert-checkpoint") : README.index("```\n\n`./tools/demo --search`")]
    if not (ROOT / ".venv").exists() or shutil.which("bash") is None:
        pytest.skip("tools/demo works in the checkout's own .venv")
    run = subprocess.run([ROOT / "tools/demo"], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    lines = run.stdout[run.stdout.index("$ convert-checkpoint") :].splitlines()
    installed = "== installing"  # what a pyproject.toml that has changed since requires
    printed = [without_figures(line) for line in lines if not line.startswith(installed)]
    assert printed[:-1] == without_figures(block).splitlines()  # after them, what to try next


def without_figures(text):
    return re.sub(r"[ -]*\d[\d.]*(e-\d+)?", "#", text)
