"""`release-models`: a family at once, again, after failures, and what its reports say."""

import json
import os
import re
import shutil
import time

import numpy as np
import pytest
from families import events, finish, models_of, start, write_manifest

from bertferry.convert import SourceOptions
from bertferry.core.errors import UsageError
from bertferry.export import PublishOptions, ReleaseOptions, publish_model, release_models
from bertferry.export.release.command import main
from bertferry.export.release.report import ReleaseReport

pytest.importorskip("onnxruntime", reason="pip install 'bertferry[cpu]'")


def run(folder, **options):
    return release_models(folder / "family.json", folder / "out", ReleaseOptions(workers=1, **options))


def counts(report):
    return {state: count for state, count in report.run.items() if count}


def test_a_model_is_what_publish_model_writes(released, tmp_path):
    options = PublishOptions(onnx=("fp32",), layouts=("keras_bert",))
    publish_model(released / "fourth", tmp_path / "fourth", options, source=SourceOptions())
    alone, ours = models_of(tmp_path), models_of(released / "out")
    report = "fourth/publish_report.json"  # names its source as it was given
    assert {path: digest for path, digest in ours.items() if path in alone and path != report} == {
        path: digest for path, digest in alone.items() if path != report
    }
    further = {path for path in ours if path.startswith("fourth/")} - alone.keys()
    assert further == {
        f"fourth/{name}" for name in ("receipt.json", "reports/index.html", "reports/onnx-model.onnx.html")
    }


def test_outputs_name_no_folder_of_this_host(released):
    for path in (released / "out").rglob("*"):
        if path.is_file() and path.name != "hashes.json" and "runs" not in path.parts:
            content = path.read_bytes()
            assert str(released).encode() not in content, path
            assert b".tmp-" not in content, path


def test_the_same_family_elsewhere_becomes_the_same_bytes(released, golden, tmp_path):
    other = tmp_path / "elsewhere"
    shutil.copytree(released, other, ignore=shutil.ignore_patterns("out"))
    release_models(other / "family.json", tmp_path / "another output", ReleaseOptions(workers=1))
    assert models_of(tmp_path / "another output") == models_of(released / "out")


def test_an_archive_leaves_no_trace_of_where_it_was_unpacked(golden, tmp_path):
    shutil.make_archive(str(tmp_path / "packed"), "zip", golden / "tf1_core_L2")
    path = write_manifest(
        tmp_path, {"input": "packed.zip"}, defaults={"artifacts": ["a"]}, artifact={"a": {"kind": "onnx"}}
    )
    report = release_models(path, tmp_path / "out")
    assert [row.name for row in report.models] == ["packed"]
    first = models_of(tmp_path / "out")
    release_models(path, tmp_path / "out", ReleaseOptions(force=True))
    assert models_of(tmp_path / "out") == first


def test_a_second_run_does_nothing(family):
    before = {path: path.stat().st_mtime_ns for path in (family / "out").rglob("*/receipt.json")}
    assert counts(run(family)) == {"unchanged": 4}
    assert {path: path.stat().st_mtime_ns for path in (family / "out").rglob("*/receipt.json")} == before
    assert not [event for event in events(family / "out") if event["event"] == "released" and event["attempt"] > 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda family: (family / "in/model-0/bert_config.json").write_text(
            (family / "in/model-0/bert_config.json").read_text() + "\n"
        ),
        lambda family: (family / "in/model-0/vocab.txt").write_text(""),
        lambda family: (family / "out/model-0/config.json").unlink(),
        lambda family: (family / "out/model-0/config.json").write_text("{}"),
        lambda family: (family / "out/model-0/receipt.json").write_text("{}"),
        lambda family: (family / "out/model-0/receipt.json").write_text('{"schema": 1'),
        lambda family: shutil.rmtree(family / "out/model-0"),
    ],
    ids=["configuration", "new file", "file gone", "file cut", "no receipt", "half a receipt", "model gone"],
)
def test_what_changed_is_released_again(family, change):
    before = models_of(family / "out")
    change(family)
    report = run(family)
    if (family / "in/model-0/vocab.txt").exists():  # too short for the model
        assert counts(report) == {"unchanged": 3, "failed": 1}
        return
    assert counts(report) == {"unchanged": 3, "released": 1} or not report.ok
    after = models_of(family / "out")
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed <= {"model-0/receipt.json"}


@pytest.mark.slow
def test_options_of_one_model_concern_it_alone(family):
    path = family / "family.json"
    values = json.loads(path.read_text())
    values["model"][1]["task"] = "encoder"
    path.write_text(json.dumps(values))
    assert counts(run(family)) == {"unchanged": 3, "released": 1}
    assert counts(run(family)) == {"unchanged": 4}
    assert counts(run(family, force=True, only="model-*")) == {"released": 3}


def test_recheck_finds_bytes_that_changed_in_place(family):
    path = family / "out/fourth/config.json"
    before = models_of(family / "out")
    path.write_bytes(path.read_bytes().replace(b"3", b"4"))
    assert counts(run(family)) == {"unchanged": 4}
    assert counts(run(family, recheck="hashes")) == {"unchanged": 3, "released": 1}
    assert models_of(family / "out") == before


def test_recheck_finds_what_no_longer_agrees_with_its_source(family):
    before = models_of(family / "out")
    change_values(family / "out/fourth/onnx/model.onnx")
    report = run(family, recheck="parity")
    assert counts(report) == {"unchanged": 3, "released": 1}
    (note,) = report.notes
    assert re.match("fourth: released anew: onnx/model.onnx: ", note)
    assert models_of(family / "out") == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "damaged",
    [
        "model.safetensors",
        "hub/variables/variables.data-00000-of-00001",
        "model.tflite",
        "keras_hub/model.weights.h5",
    ],
)
def test_recheck_compares_every_part(golden, tmp_path, damaged):
    kinds = {
        "module": {"kind": "hub"},
        "phone": {"kind": "litert"},
        "preset": {"kind": "checkpoint", "to": "keras_hub"},
    }
    shutil.copytree(golden / "tf1_core_L2", tmp_path / "model")
    write_manifest(tmp_path, {"input": "model"}, defaults={}, artifact=kinds)
    first = run(tmp_path)
    assert counts(first) == {"released": 1}, first.render()
    assert counts(run(tmp_path, recheck="parity")) == {"unchanged": 1}
    change_values(tmp_path / "out/model" / damaged)
    report = run(tmp_path, recheck="parity")
    assert counts(report) == {"released": 1}
    assert damaged.partition("/")[0] in report.notes[0]


@pytest.mark.slow
def test_shards_share_the_output(released, tmp_path):
    shutil.copytree(released, tmp_path / "f", ignore=shutil.ignore_patterns("out"))
    report = run(tmp_path / "f", shard="1/2")
    assert counts(report) == {"released": 2}
    assert sorted(row.state for row in report.models) == ["released", "released", "waiting", "waiting"]
    report = run(tmp_path / "f", shard="2/2")
    assert {row.state for row in report.models} == {"released"}
    assert models_of(tmp_path / "f" / "out") == models_of(released / "out")


def change_values(path):
    """Changes the exponents of many weights in the middle of a file."""
    content = np.fromfile(path, np.uint8)
    middle = len(content) // 2
    content[middle : middle + 512] ^= 2
    content.tofile(path)


def flip(path):
    """Damages a file in its middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def test_a_damaged_input_costs_only_itself(family, capsys):
    shutil.rmtree(family / "out")
    flip(next((family / "in/model-1").glob("*.data-*")))
    arguments = [str(family / "family.json"), "--output", str(family / "out"), "--workers", "1"]
    assert main(arguments) == 1
    first = capsys.readouterr().out
    assert "1 failed" in first
    (line,) = [line for line in first.splitlines() if line.startswith("  model-1: failed: ")]
    assert "in/model-1" in line
    assert str(family) not in line
    assert not (family / "out/model-1").exists()
    assert main(arguments) == 1  # which does not try again
    assert capsys.readouterr().out == first.replace("3 released", "3 unchanged").replace(
        "1 failed, 3 unchanged", "3 unchanged, 1 failed"
    )
    assert len([event for event in events(family / "out") if event["event"] == "failed"]) == 1
    assert main([*arguments, "--retry-failed"]) == 1
    assert len([event for event in events(family / "out") if event["event"] == "failed"]) == 2
    flip(next((family / "in/model-1").glob("*.data-*")))
    capsys.readouterr()
    assert main(arguments) == 0  # it has changed
    assert not list((family / "out/failed").iterdir())


@pytest.mark.slow
def test_an_earlier_release_stays_when_the_new_one_fails(family):
    before = models_of(family / "out")
    flip(next((family / "in/model-1").glob("*.data-*")))
    report = run(family)
    assert counts(report) == {"unchanged": 3, "failed": 1}
    assert report.models[0].name == "model-1"
    assert models_of(family / "out") == before


def test_fail_fast_stops(family):
    shutil.rmtree(family / "out")
    for number in range(3):
        flip(max((family / f"in/model-{number}").iterdir(), key=lambda path: path.stat().st_size))
    report = run(family, fail_fast=True, only="model-*")
    assert counts(report) == {"failed": 1}
    assert [row.state for row in report.models] == ["failed", "waiting", "waiting", "waiting"]
    assert counts(run(family, fail_fast=True, only="model-*")) == {"failed": 1}


def test_a_folder_of_somebody_else_is_left_alone(family):
    shutil.rmtree(family / "out/model-0")
    (family / "out/model-0").mkdir()
    (family / "out/model-0" / "thesis.txt").write_text("...")
    report = run(family)
    assert "is no released model: move it away" in report.models[0].error
    assert (family / "out/model-0" / "thesis.txt").read_text() == "..."


def test_a_dry_run_opens_every_input_and_writes_nothing(family, capsys):
    shutil.rmtree(family / "out")
    flip(next((family / "in/model-1").glob("*.index")))
    assert main([str(family / "family.json"), "--output", str(family / "out"), "--dry-run"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"^model-1 +failed .*MB +in/model-1$", out, re.MULTILINE)
    assert re.search(r"^fourth +due +tf1 +encoder +[\d,]+ +\d.* MB +fourth$", out, re.MULTILINE)
    assert not (family / "out").exists()


def test_a_dry_run_says_what_is_unchanged(released, capsys):
    before = {path: path.stat().st_mtime_ns for path in released.rglob("*")}
    assert main([str(released / "family.json"), "--output", str(released / "out"), "--dry-run", "--json"]) == 0
    report = ReleaseReport.from_dict(json.loads(capsys.readouterr().out), "stdout")
    assert {row.state for row in report.models} == {"unchanged"}
    assert {path: path.stat().st_mtime_ns for path in released.rglob("*")} == before


def test_hashes_are_remembered_by_the_stamps_of_files(family):
    cache = json.loads((family / "out/runs/hashes.json").read_text())
    old = time.time() - 1000
    for path in (family / "in").rglob("*"):
        os.utime(path, (old, old))
    run(family)
    cache = json.loads((family / "out/runs/hashes.json").read_text())
    assert set(map(str, (path for path in (family / "in").rglob("*") if path.is_file()))) <= cache.keys()
    (family / "out/runs/hashes.json").write_text("[1")
    assert counts(run(family)) == {"unchanged": 4}


def test_a_package_that_is_missing_ends_the_run_before_it_starts(released, tmp_path, monkeypatch, capfd):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    arguments = [str(released / "family.json"), "--output", str(tmp_path / "out"), "--engine", "ray"]
    assert main(arguments) == 3
    assert "pip install 'bertferry[cluster]'" in capfd.readouterr().err


def test_an_output_that_cannot_be_written_is_one_line(released, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        release_models(released / "family.json", tmp_path / "file")


def test_the_command_in_a_process_of_its_own(family):
    shutil.rmtree(family / "out/model-2")
    code, out, err = finish(start(family / "family.json", family / "out"))
    assert code == 0, err
    assert out.startswith("family.json: 3 unchanged, 1 released; 4 models, ")
