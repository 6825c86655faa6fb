"""`release-models --engine ray`, with real processes of Ray on this machine."""

import os
import shutil
import signal
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from families import events, finish, models_of, start, wait_until, write_family

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="pip install 'bertferry[cluster]'")
pytest.importorskip("onnxruntime", reason="pip install 'bertferry[cpu]'")
RAY = ("--engine", "ray", "--workers", "2")


@pytest.fixture(scope="module")
def undisturbed(golden, tmp_path_factory):
    """A family, and the bytes of its models from the embedded engine."""
    folder = tmp_path_factory.mktemp("ray")
    manifest = write_family(folder, golden, 4)
    code, _, err = finish(start(manifest, folder / "out"))
    assert code == 0, err
    return manifest, models_of(folder / "out")


def releasing():
    """The processes of Ray that are releasing a model."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"ray::_release" in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def assert_released(manifest, output, expected):
    code, _, err = finish(start(manifest, output, *RAY))
    assert code == 0, err
    assert models_of(output) == expected
    assert not list(output.glob(".*"))


def test_ray_writes_the_same_bytes(undisturbed, tmp_path):
    manifest, expected = undisturbed
    assert_released(manifest, tmp_path / "out", expected)
    code, out, err = finish(start(manifest, tmp_path / "out"))
    assert (code, "4 unchanged" in out) == (0, True), err


def test_a_process_of_ray_is_killed(undisturbed, tmp_path):
    manifest, expected = undisturbed
    process = start(manifest, tmp_path / "out", *RAY)
    os.kill(wait_until(releasing)[0], signal.SIGKILL)
    code, _, err = finish(process)
    assert code == 0, err
    assert max(event.get("attempt", 1) for event in events(tmp_path / "out")) == 2
    assert_released(manifest, tmp_path / "out", expected)


def test_the_driver_is_killed(undisturbed, tmp_path):
    manifest, expected = undisturbed
    process = start(manifest, tmp_path / "out", *RAY)
    wait_until(releasing)
    time.sleep(0.5)
    process.kill()
    finish(process)
    wait_until(lambda: not releasing())
    assert_released(manifest, tmp_path / "out", expected)


def test_a_damaged_input_and_one_that_takes_too_long(undisturbed, tmp_path):
    manifest, _ = undisturbed
    shutil.copytree(manifest.parent, tmp_path / "family", ignore=shutil.ignore_patterns("out"))
    weights = tmp_path / "family/in/model-1/bert_model.ckpt.data-00000-of-00001"
    weights.write_bytes(weights.read_bytes()[:-1])
    manifest = tmp_path / "family" / manifest.name
    code, out, _ = finish(start(manifest, tmp_path / "out", *RAY, "--only", "model-[01]"))
    assert code == 1
    assert "1 failed, 1 released" in out or "1 released, 1 failed" in out
    code, out, _ = finish(start(manifest, tmp_path / "out", *RAY, "--only", "model-2", "--timeout", "0.001"))
    assert code == 1
    assert "model-2: died: its process died" in out


def test_a_model_that_no_node_has_memory_for_is_refused(undisturbed, tmp_path):
    manifest, _ = undisturbed
    code, out, err = finish(start(manifest, tmp_path / "out", *RAY, "--memory", "0.1"))
    assert (code, out) == (3, "")
    assert "of memory, and the largest node of the cluster has 100.0 MB" in err
    code, out, err = finish(start(manifest, tmp_path / "out", "--engine", "ray", "--address", "127.0.0.1:1"))
    assert (code, out) == (3, "")
    assert "Ray does not start: " in err
