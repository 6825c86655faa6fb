"""The tutorials do what they say: their commands run in order, as a reader types them, and print what is shown."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from tutorials import Command, is_as_shown, read_commands, run_commands, write_files

ROOT = Path(__file__).parent.parent
TUTORIALS = ROOT / "docs/tutorials"
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
SERVER = "python examples/search/serve.py"
"""What serves until it is interrupted: the last command of its page."""


@pytest.fixture(scope="module")
def checkout(minilm, tmp_path_factory):
    """A folder with what tutorials use of a checkout, and with the checkpoint of the first one."""
    folder = tmp_path_factory.mktemp("tutorials")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("node_modules"))
    (folder / "tools").mkdir()
    for name in ("real-weights.txt", "film-reviews.txt"):
        shutil.copy(ROOT / "tools" / name, folder / "tools")
    follow("start", folder)
    return folder


def follow(name, folder, until=None):
    """Does what a page says, up to the first command that starts with `until`."""
    page = (TUTORIALS / f"{name}.md").read_text(encoding="utf-8")
    write_files(page, folder)
    commands = read_commands(page)
    if until is not None:
        commands = commands[: next(i for i, command in enumerate(commands) if command.line.startswith(until))]
    ran = run_commands(commands, folder, ENVIRONMENT)
    for number, (command, done) in enumerate(zip(commands, ran, strict=True)):
        asked = commands[number + 1 : number + 2]
        assert done.status == 0 or [one.line for one in asked] == ["echo $?"], (command.line, done)
        assert is_as_shown(command, done.output), f"$ {command.line}\n{done.output}"


@pytest.mark.slow
def test_a_module_is_fine_tuned_in_keras_3(checkout):
    follow("keras3", checkout)


def test_a_gate_opens_and_closes(checkout):
    follow("parity-gate", checkout)
    page = (TUTORIALS / "parity-gate.md").read_text(encoding="utf-8")
    (step,) = re.findall(r"- run: (verify-parity .*)", page)
    assert step in [command.line for command in read_commands(page)]


def test_an_encoder_is_published_for_the_browser(checkout):
    follow("browser", checkout, until="npm install")


@pytest.mark.slow
def test_a_classifier_is_fine_tuned(checkout):
    page = (TUTORIALS / "classifier.md").read_text(encoding="utf-8")
    (downloaded,) = run_commands(read_commands(page)[:1], checkout, ENVIRONMENT)
    if downloaded.status:
        pytest.skip("pip cannot download the reviews here")
    follow("classifier", checkout)


@pytest.mark.slow
def test_files_are_made_smaller(checkout):
    follow("smaller", checkout)


@pytest.mark.slow
def test_the_page_of_the_tutorial_is_served(checkout):
    if shutil.which("npm") is None:
        pytest.skip("npm is not on the PATH")
    commands = read_commands((TUTORIALS / "browser.md").read_text(encoding="utf-8"))
    install, serve = commands[-2:]
    if not (checkout / "minilm").exists():
        follow("browser", checkout, until="npm install")
    (installed,) = run_commands([install], checkout, ENVIRONMENT)
    if installed.status:
        pytest.skip("npm cannot install transformers.js here")
    assert serve.line.startswith(SERVER)
    server = subprocess.Popen(serve.line.split(), cwd=checkout, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline()
        assert is_as_shown(serve, address)
        for path in ("", "search.js", "model/onnx/model.onnx", "npm/@huggingface/transformers/package.json"):
            with urlopen(address.strip() + path) as answer:
                assert answer.read(1)
    finally:
        server.terminate()
        server.communicate()


def test_every_tutorial_is_followed():
    followed = set(re.findall(r'follow\("([\w-]+)"', Path(__file__).read_text()))
    assert followed == {path.stem for path in TUTORIALS.glob("*.md")}


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("loss 0.5 before\n", "loss 0.4 before\n", True),
        ("loss 0.5 before\n", "loss 0.4 after\n", False),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nd\n", "a\nb\nc\n", False),
        ("converted … (tf1)\n", "converted x y (tf1)\n", True),
        ("a\n", "a\nb\n", False),
        ("", "", True),
        ("", "a\n", False),
    ],
)
def test_what_is_printed_is_compared(shown, printed, same):
    assert is_as_shown(Command("", shown), printed) == same


def test_a_shell_keeps_variables_and_statuses(tmp_path):
    commands = [Command("X=3", ""), Command("false", ""), Command("echo $? $X", "")]
    ran = run_commands(commands, tmp_path, ENVIRONMENT)
    assert [(one.status, one.output) for one in ran] == [(0, ""), (1, ""), (0, "1 3\n")]
