"""Makes environments of the versions that bertferry supports and runs a suite in each.

Usage: python tools/matrix [--folder DIR] [--keep] [--tests] [NAME …]

Builds the wheel, and for each environment of `environments.py` (or those named) finds its Python, installs the
wheel with its extras, runs the smoke test, and with `--tests` the tests of its suite. Each result is stored in DIR
as `NAME.json`; prints the table of all results there. An environment is removed after its run, unless `--keep` is
given; a kept one is used again with the new wheel. DIR is temporary by default.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

sys.path.insert(0, str(Path(__file__).parent.parent))

from environments import ENVIRONMENTS, ROOT, TESTS, Environment
from interpreters import find_python

SHOWN = ("tensorflow", "tf-keras", "numpy", "protobuf", "ml_dtypes", "onnx", "onnxruntime")
"""Packages whose versions the table shows."""
TEST_PACKAGES = ("pytest>=8", "hypothesis>=6.100", "pytest-xdist>=3.6")
SIZE = "size-of-the-product"
TIMEOUT = 3600
"""Seconds for one step, for a machine that is shared with others."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a suite in environments of the supported versions.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="environments; default: all")
    parser.add_argument("--folder", type=Path, help="where environments and results are stored")
    parser.add_argument("--keep", action="store_true", help="keep the environments")
    parser.add_argument("--tests", action="store_true", help="run the tests of each suite after its smoke test")
    arguments = parser.parse_args()
    known = {environment.name: environment for environment in ENVIRONMENTS}
    if unknown := sorted(set(arguments.names) - set(known)):
        parser.error(f"unknown environment {unknown[0]}: expected some of {', '.join(known)}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments.folder or temporary).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        wheel = build_wheel(Path(temporary))
        for environment in (known[name] for name in arguments.names or known):
            result = examine(environment, folder, wheel, tests=arguments.tests)
            (folder / f"{environment.name}.json").write_text(json.dumps(result, indent=1))
            print(f"{environment.name}: {result['result']}", file=sys.stderr, flush=True)
            if not arguments.keep:
                shutil.rmtree(folder / environment.name, ignore_errors=True)
        results = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    print(table(results))
    sys.exit(any("FAILED" in result["result"] for result in results))


def build_wheel(folder: Path) -> Path:
    """The wheel of the working tree."""
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def examine(environment: Environment, folder: Path, wheel: Path, *, tests: bool) -> dict[str, object]:
    """Makes an environment and runs its suite; returns its row of the table."""
    row: dict[str, object] = {"name": environment.name, "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    python = folder / environment.name / "bin" / "python"
    interpreter = find_python(environment.python)
    if interpreter is None:
        return {**row, "result": f"not run: no Python {environment.python} here"}
    if fault := install(environment, interpreter, python, wheel):
        shutil.rmtree(python.parent.parent)
        return {**row, "result": f"FAILED: not installed: {fault}"}
    row |= describe(python)
    log = folder / f"{environment.name}.log"
    with log.open("w") as output:
        smoke = run([python, ROOT / "tools/matrix/smoke.py", environment.suite], output)
    row["result"] = last_line(log) if smoke == 0 else f"FAILED: {last_line(log)}"
    if tests and TESTS[environment.suite] and smoke == 0:
        row["result"] = f"{row['result']}; {run_tests(environment, python, folder)}"
    return row


def install(environment: Environment, interpreter: Path, python: Path, wheel: Path) -> str:
    """Makes the environment; returns why pip could not, '' if it could."""
    print(f"{environment.name}: installing", file=sys.stderr, flush=True)
    place = python.parent.parent
    if python.exists():
        return pip(python, "--no-deps", "--force-reinstall", wheel)
    subprocess.run([interpreter, "-m", "venv", "--without-pip", place], check=True)
    extras = f"[{','.join(environment.extras)}]" if environment.extras else ""
    if fault := pip(python, f"{wheel}{extras}", *environment.requirements):
        return fault
    size = sum(path.lstat().st_size for path in place.rglob("*") if path.is_file())
    (place / SIZE).write_text(f"{size / 1e6:.0f}")
    return pip(python, *TEST_PACKAGES)


def pip(python: Path, *arguments: str | Path) -> str:
    """Installs something into an environment; returns pip's error, '' if there is none."""
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile", *arguments]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return "" if done.returncode == 0 else " ".join(errors)[:300] or done.stderr[-300:]


def describe(python: Path) -> dict[str, object]:
    """The versions in an environment, and the size of what bertferry required there, in MB."""
    code = (
        "import json, platform, importlib.metadata as m; "
        f"names = {SHOWN!r}; installed = {{d.metadata['Name'].replace('-', '_') for d in m.distributions()}}; "
        "print(json.dumps({'python': platform.python_version(), "
        "**{n: m.version(n) for n in names if n.replace('-', '_') in installed}}))"
    )
    versions = json.loads(subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout)
    return {**versions, "MB": (python.parent.parent / SIZE).read_text()}


def run_tests(environment: Environment, python: Path, folder: Path) -> str:
    """Runs the suite's tests; returns pytest's count, and writes what it printed to `NAME-tests.log`."""
    log = folder / f"{environment.name}-tests.log"
    # Warnings of other versions are not this project's to mend: they are errors in `./tools/test` only.
    options = ["--quiet", "--numprocesses", "2", "-o", "filterwarnings=", "-p", "no:cacheprovider"]
    with log.open("w") as output:
        status = run([python, "-m", "pytest", *options, *TESTS[environment.suite]], output)
    counts = last_line(log).strip("= ")
    return counts if status == 0 else f"FAILED: {counts}"


def run(command: list[str | Path], output: TextIO) -> int:
    """Runs a step of a suite in the checkout, without bertferry's sources on its path; returns its exit code."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        return subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env={**environment, "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT,
        ).returncode
    except subprocess.TimeoutExpired:
        return 124


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"


def table(results: list[dict[str, object]]) -> str:
    """The results as a Markdown table, in the order of `ENVIRONMENTS`."""
    columns = ("name", "python", *SHOWN, "MB", "result")
    by_name = {result["name"]: result for result in results}
    lines = [f"| {' | '.join(columns)} |", f"{'|---' * len(columns)}|"]
    for name in (environment.name for environment in ENVIRONMENTS if environment.name in by_name):
        lines.append(f"| {' | '.join(str(by_name[name].get(column, '')) for column in columns)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
