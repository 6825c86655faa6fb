"""The tool for GPUs, without one: folders of wheels, missing packages, filled tables, faults in one line."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import device_rows
import pytest
from neighbors import neighbors_of

from bertferry.verify.execution import Execution

ROOT = Path(__file__).parent.parent
TOOL = ROOT / "tools/gpu"


@pytest.fixture(scope="module")
def tool():
    """The modules of tools/gpu, which is a script with neighbors."""
    with neighbors_of(TOOL) as load:
        yield load


@pytest.fixture(scope="module")
def wheels(tool):
    return tool("wheels")


@pytest.fixture
def folder(tmp_path):
    """Two wheels, of 1 MB that cannot be compressed and of nothing."""
    made = tmp_path / "made"
    made.mkdir()
    for name, size in (("large-1.0-py3-none-any.whl", 1_000_000), ("small-1.0-py3-none-any.whl", 0)):
        with zipfile.ZipFile(made / name, "w") as wheel:
            wheel.writestr("content", bytes(range(256)) * (size // 256))
    return made


def state_hashes(wheels, folder):
    lines = [f"{wheels.digest(path)}  {path.name}\n" for path in sorted(folder.glob("*.whl"))]
    (folder / "SHA256SUMS").write_text("".join(lines))


@pytest.mark.parametrize("size", [1, 300_000, 999_999, 1_000_000, 2_000_000])
def test_wheels_are_split_and_joined_to_the_same_bytes(wheels, folder, tmp_path, size):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    state_hashes(wheels, folder)
    size = max(size, 1000)
    for path in list(folder.glob("*.whl")):
        wheels.split(path, size)
    assert all(path.stat().st_size <= size for path in folder.glob("*.whl*"))
    places = wheels.join(folder, tmp_path / "joined")
    assert {path.name: path.read_bytes() for place in places for path in place.glob("*.whl")} == before


def damage(fault, wheels, folder):
    large = folder / "large-1.0-py3-none-any.whl"
    if fault == "a missing chunk":
        wheels.split(large, 300_000)[1].unlink()
    elif fault == "a missing last chunk":
        wheels.split(large, 300_000)[-1].unlink()
    elif fault == "a missing last chunk without hashes":
        (folder / "SHA256SUMS").unlink()
        wheels.split(large, 300_000)[-1].unlink()
    elif fault == "a missing wheel":
        large.unlink()
    elif fault == "another byte":
        content = bytearray(large.read_bytes())
        content[500] ^= 1
        large.write_bytes(content)
    elif fault == "nothing":
        shutil.rmtree(folder)
        folder.mkdir()


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("a missing chunk", "large-1.0-py3-none-any.whl.part001 is missing: carry it over again"),
        ("a missing last chunk", "large-1.0-py3-none-any.whl has another hash than in SHA256SUMS"),
        ("a missing last chunk without hashes", "large-1.0-py3-none-any.whl is incomplete"),
        ("a missing wheel", "large-1.0-py3-none-any.whl is in SHA256SUMS and not here"),
        ("another byte", "large-1.0-py3-none-any.whl has another hash"),
        ("nothing", "contains no wheels: python tools/gpu --prepare"),
    ],
)
def test_a_damaged_folder_is_named_before_anything_is_installed(wheels, folder, tmp_path, fault, line):
    state_hashes(wheels, folder)
    damage(fault, wheels, folder)
    with pytest.raises(wheels.WheelsError, match=re.escape(line)):
        wheels.join(folder, tmp_path / "joined")


def run(*arguments, folder):
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def test_an_engine_whose_wheels_are_missing_is_a_row_with_the_reason(folder, tmp_path):
    options = ("--device", "cpu", "--wheels", folder, "--engine", "torch", "--model", "tiny")
    done = run(*options, "--output", tmp_path / "out", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = re.findall(r"^\| `[\w-]+` \| PyTorch, cpu, fp32 \| (.*)$", done.stdout, re.MULTILINE)
    assert line.startswith("not measured: not installed: No matching distribution found for ")
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert {(row["part"], "reason" in row) for row in results["rows"]} == {
        ("calibration", True),
        ("latency", True),
    }


def test_an_engine_is_measured_and_one_without_its_package_is_not(tmp_path):
    pytest.importorskip("onnxruntime")
    options = ("--device", "cpu", "--part", "calibration", "--model", "tiny", "--engine", "onnx")
    done = run(*options, "--output", tmp_path / "out", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = dict(re.findall(r"^\| `[\w-]+` \| (ONNX, cpu.*?) \| (.*)$", done.stdout, re.MULTILINE))
    assert len(rows) == 6
    for name in ("ONNX, cpu, fp32", "ONNX, cpu, fp32, fused", "ONNX, cpu, fp16", "ONNX, cpu, fp16, fused"):
        atol, sqnr = rows[name].split(" | ")[:2]
        assert float(atol) < 0.03
        assert int(sqnr) > 40
    assert rows["ONNX, cpu, tf32"].startswith("not measured: ")
    refused = run("--fill", tmp_path / "out/results.json", folder=tmp_path)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "the results are of the CPU" in refused.stderr


def test_without_a_gpu_it_says_so(tool, tmp_path):
    if tool("driver").describe_device("gpu") is not None:
        pytest.skip("there is a GPU")
    done = run(folder=tmp_path)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (3, 1, "")
    assert list(tmp_path.iterdir()) == []


def results_of(cells, times, models=("minilm", "base"), **rest):
    """Results as a GPU's: the same figures in every row."""
    rows = [
        {"part": "calibration", "engine": row.engine, "model": model, "row": row.name(""), **cells}
        for row in device_rows.ROWS
        for model in models
    ]
    rows += [
        {"part": "latency", "engine": row.engine, "model": "base", "row": row.name(""), **times}
        for row in device_rows.LATENCIES
    ]
    stated = {"device": "gpu", "described": "A GPU, CUDA 12.8", "made": "2026-11-26", "models": list(models)}
    return {**stated, "environments": {"onnx": {"onnxruntime-gpu": "1.26.0"}}, "rows": rows, **rest}


FIGURES = {"cells": "1.0e-06 | 110 | 1.00000 | 1.00000 | 4.0e-07"}
TIMES = {"ms": {f"{rows}x{length}": [2.0, 1.0, 4.0] for rows, length in device_rows.SHAPES}}


@pytest.fixture
def pages(tmp_path):
    """Copies of the documents."""
    (tmp_path / "docs").mkdir()
    for name in ("calibration.md", "benchmarks.md"):
        shutil.copy(ROOT / "docs" / name, tmp_path / "docs" / name)
    return tmp_path


def test_results_of_a_gpu_fill_every_row_and_nothing_else(tool, pages):
    said = tool("gpu_tables").fill(pages, results_of(FIGURES, TIMES))
    calibration, latency = 2 * len(device_rows.ROWS), len(device_rows.LATENCIES)
    assert said == [f"docs/calibration.md: {calibration} rows", f"docs/benchmarks.md: {latency} rows"]
    for name, count in (("calibration.md", calibration), ("benchmarks.md", latency)):
        before = (ROOT / "docs" / name).read_text().splitlines()
        after = (pages / "docs" / name).read_text().splitlines()
        changed = [new for old, new in zip(before, after, strict=True) if old != new]
        assert len(changed) == count + 1
        assert changed[0] == "Rows of a GPU: A GPU, CUDA 12.8 (2026-11-26; onnxruntime-gpu 1.26.0)."
        assert all("| not measured" not in line for line in changed)
        assert {line.count("|") for line in changed[1:]} == {8 if name == "calibration.md" else 6}
    assert "| ONNX, gpu, fp16, fused | 2.00 (1.00-4.00) |" in (pages / "docs/benchmarks.md").read_text()


def test_a_run_that_measured_nothing_leaves_figures_of_before(tool, pages):
    tables = tool("gpu_tables")
    tables.fill(pages, results_of(FIGURES, TIMES))
    before = [(pages / "docs" / name).read_text() for name in ("calibration.md", "benchmarks.md")]
    tables.fill(pages, results_of({"reason": "the time was up"}, {"reason": "the time was up"}, made="2026-11-26"))
    assert [(pages / "docs" / name).read_text() for name in ("calibration.md", "benchmarks.md")] == before


def test_a_page_without_the_rows_is_named_and_nothing_is_written(tool, wheels, pages):
    page = pages / "docs/benchmarks.md"
    page.write_text(page.read_text().replace("| PyTorch, gpu, fp16 |", "| PyTorch |"))
    before = (pages / "docs/calibration.md").read_text()
    with pytest.raises(wheels.WheelsError, match=r"docs/benchmarks.md: no row 'PyTorch, gpu, fp16'"):
        tool("gpu_tables").fill(pages, results_of(FIGURES, TIMES))
    assert (pages / "docs/calibration.md").read_text() == before


@pytest.mark.parametrize("row", device_rows.ROWS, ids=lambda row: row.name("gpu"))
def test_a_row_states_the_profile_by_which_it_is_judged(row):
    own = {"keras": "fp32", "xla": "fp32", "torch": "fp32-cross", "onnx": "fp32-cross"}[row.engine]
    if row.engine == "onnx" and row.precision in ("fp16", "bf16"):
        own = row.precision
    assert row.profile == Execution("gpu", row.precision).profile(own)


def test_the_requirements_are_the_projects(tool):
    of_group = tool("requirements").of_group
    assert any(line.startswith("tensorflow[and-cuda]>=") for line in of_group("tensorflow", "gpu"))
    assert any(line.startswith("onnxruntime-gpu[cuda,cudnn]>=") for line in of_group("onnx", "gpu"))
    assert any(line.startswith("onnxruntime>=") for line in of_group("onnx", "cpu"))
    assert not any("cuda" in line for group in ("tensorflow", "onnx", "torch") for line in of_group(group, "cpu"))
