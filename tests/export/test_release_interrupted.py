"""Releases that are killed, run twice at once or run out of room: no half a model, the same bytes in the end."""

import json
import os
import random
import signal
import subprocess
import time

import pytest
from families import (
    events,
    finish,
    is_running,
    models_of,
    start,
    wait_until,
    workers_of,
    write_family,
)

from bertferry.export.release.receipt import Receipt, parse_result

pytest.importorskip("onnxruntime", reason="pip install 'bertferry[cpu]'")
COUNT = 6
HOST = ("unshare", "--uts", "sh", "-c", 'hostname another && exec "$@"', "sh")
"""Runs a command on what it takes for another machine."""


@pytest.fixture(scope="module")
def undisturbed(golden, tmp_path_factory):
    """A family, the bytes of its models, and the seconds that releasing them took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    manifest = write_family(folder, golden, COUNT)
    started = time.monotonic()
    code, _, err = finish(start(manifest, folder / "out", "--workers", "2"))
    assert code == 0, err
    return manifest, models_of(folder / "out"), time.monotonic() - started


def assert_no_half_model(output):
    """Every model has all files of its receipt."""
    models = models_of(output) if output.exists() else {}
    for name in {path.partition("/")[0] for path in models if not path.startswith(".")}:
        receipt = parse_result(Receipt, (output / name / "receipt.json").read_bytes(), name)
        assert receipt is not None
        files = {path.partition("/")[2]: digest for path, digest in models.items() if path.startswith(f"{name}/")}
        assert {path: digest for path, (_, digest) in receipt.files.items()} == {
            path: digest for path, digest in files.items() if path != "receipt.json"
        }


def assert_recovers(manifest, output, expected):
    """The next run ends in the bytes of one that nothing disturbed, and leaves nothing else."""
    code, _, err = finish(start(manifest, output, "--workers", "2"))
    assert code == 0, err
    assert models_of(output) == expected
    for folder in (output, output / "failed", output / "measured", output / "runs"):
        assert [path.name for path in folder.glob(".*")] == []
    assert list((output / "failed").iterdir()) == []
    report = json.loads((output / "release.json").read_text())
    assert report["counts"] == {"released": COUNT}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_killed_at_a_random_moment(undisturbed, tmp_path, seed):
    manifest, expected, seconds = undisturbed
    chance, output = random.Random(seed), tmp_path / "out"
    process = start(manifest, output, "--workers", "2")
    end = time.monotonic() + chance.uniform(0, seconds)
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.01)
    workers = workers_of(process)
    who = ("worker", "driver", "both")[seed % 3]
    if who != "driver" and workers:
        os.kill(chance.choice(workers), signal.SIGKILL)
    if who != "worker":
        process.kill()
    code, _, err = finish(process)
    if who == "worker":
        assert code == 0, err
    wait_until(lambda: not any(map(is_running, workers)))
    assert_no_half_model(output)
    assert_recovers(manifest, output, expected)


def begun(process, output):
    """A worker that is in the middle of a model, stopped there."""

    def stop_one():
        workers = workers_of(process)
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        if workers and list(output.glob(".model-*.tmp-*")):
            return workers
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        return None

    return wait_until(stop_one)


def test_killed_in_the_middle_of_a_model(undisturbed, tmp_path):
    manifest, expected, _ = undisturbed
    process = start(manifest, tmp_path / "out", "--workers", "1")
    (worker,) = begun(process, tmp_path / "out")
    os.kill(worker, signal.SIGKILL)
    code, out, err = finish(process)
    assert code == 0, err
    assert f"{COUNT} released" in out
    assert [event["attempt"] for event in events(tmp_path / "out") if event.get("attempt", 1) > 1] == [2]
    assert_recovers(manifest, tmp_path / "out", expected)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_command_is_ended_in_the_middle_of_a_model(undisturbed, tmp_path, number):
    manifest, expected, _ = undisturbed
    output = tmp_path / "out"
    # A process in the background of a shell ignores Ctrl-C, unless it is told otherwise.
    process = start(manifest, output, "--workers", "1", prefix=("env", "--default-signal=INT"))
    (worker,) = begun(process, output)
    process.send_signal(number)
    if number == signal.SIGKILL:
        os.kill(worker, signal.SIGCONT)  # a process that is stopped does not notice the end of its parent
    code, _, err = finish(process)
    wait_until(lambda: not is_running(worker))
    assert_no_half_model(output)
    if number == signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert code == 128 + number
        assert err == "release-models: interrupted; no file is left half-written\n" * (number == signal.SIGINT)
        assert list(output.glob(".*")) == []
        counts = json.loads((output / "release.json").read_text())["counts"]
        assert sum(counts.values()) == COUNT
    assert_recovers(manifest, output, expected)


@pytest.mark.slow
def test_at_once_on_one_output(undisturbed, tmp_path):
    """Two shards, and two that release the same."""
    manifest, expected, _ = undisturbed
    for flags in ((("--shard", "1/2"), ("--shard", "2/2")), ((), ("--force",))):
        both = [start(manifest, tmp_path / "out", "--workers", "1", *given) for given in flags]
        for process in both:
            code, _, err = finish(process)
            assert code == 0, err
        assert_no_half_model(tmp_path / "out")
    assert_recovers(manifest, tmp_path / "out", expected)


@pytest.mark.slow
def test_two_hosts_share_an_output(undisturbed, tmp_path):
    """One is stopped in the middle of a model: its work survives the other's run, which releases all."""
    manifest, expected, _ = undisturbed
    if os.geteuid() != 0 or subprocess.run([*HOST, "true"], capture_output=True).returncode:
        pytest.skip("needs the right to run a command under another name of the machine")
    output = tmp_path / "out"
    theirs = start(manifest, output, "--workers", "1", prefix=HOST)
    (worker,) = begun(theirs, output)
    (staging,) = output.glob(".model-*.tmp-another-*")
    files = {path: path.read_bytes() for path in staging.rglob("*") if path.is_file()}
    code, _, err = finish(start(manifest, output, "--workers", "2"))
    assert code == 0, err
    assert {path: path.read_bytes() for path in staging.rglob("*") if path.is_file()} == files
    os.kill(worker, signal.SIGCONT)
    code, _, err = finish(theirs)
    assert code == 0, err
    assert_recovers(manifest, output, expected)


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a disk of 160 kB at a folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_stops_all(undisturbed, small_disk):
    manifest, expected, _ = undisturbed
    output = small_disk / "out"
    code, out, err = finish(start(manifest, output, "--workers", "1"))
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].endswith("no space left on the device")
    assert "Traceback" not in err
    assert_no_half_model(output)
    assert 0 < len(list(output.glob("model-*"))) < COUNT
    subprocess.run(["mount", "-o", "remount,size=10m", str(small_disk)], check=True)
    assert_recovers(manifest, output, expected)


def test_a_model_larger_than_the_memory_is_released_alone(undisturbed, tmp_path):
    manifest, expected, _ = undisturbed
    code, out, err = finish(start(manifest, tmp_path / "out", "--memory", "0.1"))
    assert code == 0, err
    assert out.count("more than the 100.0 MB there are: it is released alone") == COUNT
    assert models_of(tmp_path / "out") == expected


@pytest.mark.slow
def test_a_model_that_takes_too_long_is_tried_again_by_the_next_run(undisturbed, tmp_path):
    manifest, expected, _ = undisturbed
    output = tmp_path / "out"
    code, out, err = finish(start(manifest, output, "--timeout", "0.001", "--only", "model-0"))
    assert code == 1, err
    assert "1 died" in out
    assert "model-0: died: not done after 0.001 s" in out
    assert json.loads((output / "release.json").read_text())["models"][0]["attempts"] == 3
    assert_recovers(manifest, output, expected)
