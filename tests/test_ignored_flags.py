"""No command ignores a flag silently."""

import numpy as np
import pytest

from bertferry.convert.command import main as convert
from bertferry.export.command import main as export_hub
from bertferry.export.litert.command import main as export_litert
from bertferry.export.onnx.command import main as export_onnx
from bertferry.verify.command import main as verify

SAVED_MODEL = ["--saved-model", "x", "--output", "y"]


@pytest.mark.parametrize(
    ("main", "arguments", "line"),
    [
        (convert, ["--list-layouts", "--json"], "--list-layouts has no use for --json: leave it out"),
        (convert, ["--diff", "a", "b", "--to", "tf1"], "--diff has no use for --to: leave it out"),
        (
            convert,
            ["--diff", "a", "b", "--task", "mlm", "--dry-run"],
            "--diff has no use for --task, --dry-run: leave them out",
        ),
        (convert, ["--input", "x", "--inspect", "--to", "tf1"], "--inspect has no use for --to: leave it out"),
        (export_hub, ["--check", "x", "--task", "span"], "--check has no use for --task: leave it out"),
        (export_onnx, [*SAVED_MODEL, "--task", "span"], "--saved-model has no use for --task: leave it out"),
        (
            export_onnx,
            [*SAVED_MODEL, "--int64-inputs", "--config", "c", "--from", "tf1"],
            "--saved-model has no use for --int64-inputs, --from, --config: leave them out",
        ),
        (
            export_onnx,
            ["--checkpoint", "x", "--output", "y", "--signature", "serve"],
            "--checkpoint has no use for --signature: leave it out",
        ),
        (export_litert, [*SAVED_MODEL, "--task", "span"], "--saved-model has no use for --task: leave it out"),
        (
            export_litert,
            ["--checkpoint", "x", "--output", "y", "--signature", "serve"],
            "--checkpoint has no use for --signature: leave it out",
        ),
        (
            export_hub,
            [
                "--checkpoint",
                "x",
                "--output",
                "y",
                "--export",
                "preprocessing",
                "--freeze",
                "encoder",
                "--onnx",
                "fp32",
            ],
            "--export preprocessing has no use for --freeze, --onnx: leave them out",
        ),
        (
            export_hub,
            ["--module", "x", "--output", "y", "--from", "tf1"],
            "--module has no use for --from: leave it out",
        ),
        (
            export_onnx,
            ["--checkpoint", "x", "--output", "y", "--no-keep-io"],
            "--no-keep-io is for --precision fp16: outputs are float32 in fp32",
        ),
        (
            verify,
            ["--reference", "x", "--candidate", "y", "--inputs", "i", "--seed", "3"],
            "--inputs has no use for --seed: leave it out",
        ),
        (
            verify,
            ["--reference", "x", "--candidate", "y", "--threads", "3"],
            "--threads and --graph-optimization apply to ONNX files only, and no artifact is one",
        ),
        (
            verify,
            ["--reference", "x.onnx", "--candidate", "y.onnx", "--engine", "numpy"],
            "--engine applies to checkpoints only, and no artifact is one",
        ),
        (
            verify,
            ["--reference", "x.onnx", "--candidate", "y.npz", "--config", "c", "--from", "tf1"],
            "--from, --config: for checkpoints only, and no artifact is one",
        ),
        (
            verify,
            ["--reference", "x", "--candidate", "y.npz", "--localize"],
            "--localize compares intermediate values on both sides, and golden artifacts have none",
        ),
        (
            verify,
            ["--reference", "huggingface:x", "--candidate", "y", "--localize"],
            "--localize compares intermediate values on both sides, and huggingface artifacts have none",
        ),
        (
            verify,
            ["--reference", "x.npz", "--candidate", "y", "--seed", "3"],
            "--seed is for the seeded probes, which the stored inputs replace: leave it out",
        ),
        (
            verify,
            ["--reference", "x.npz", "--candidate", "y.npz", "--task", "mlm"],
            "--task is for artifacts that run, and all of these are stored outputs: leave it out",
        ),
        (verify, ["--rejudge", "r", "--device", "xla"], "--rejudge has no use for --device: leave it out"),
        (verify, ["--rejudge", "r", "--texts", "t"], "--rejudge has no use for --texts: leave it out"),
    ],
)
def test_a_flag_that_would_be_ignored_is_refused(capfd, main, arguments, line):
    capfd.readouterr()
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.endswith(f": {line}\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("side", "flags"),
    [
        ("candidate", ["--device", "xla"]),
        ("candidate", ["--precision", "fp16"]),
        ("reference", ["--reference-device", "xla"]),
        ("reference", ["--reference-precision", "fp64"]),
    ],
)
def test_stored_outputs_are_not_run(golden, tmp_path, capfd, side, flags):
    path = tmp_path / "stored.npz"
    np.savez(path, input_word_ids=np.ones((1, 1), np.int32))
    other = str(golden / "tf1_core_L2")
    sides = {"reference": other, "candidate": other, side: str(path)}
    capfd.readouterr()
    assert verify(["--reference", sides["reference"], "--candidate", sides["candidate"], *flags]) == 2
    assert f"{path}: stored outputs do not run: device and precision do not apply" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("main", "flags", "line"),
    [
        (
            convert,
            ["--do-lower-case"],
            "--do-lower-case requires a source with a vocabulary",
        ),
        (convert, ["--num-labels", "3"], "--num-labels applies to a classifier that is initialized"),
        (export_hub, ["--num-labels", "3"], "--num-labels applies to a classifier that is initialized"),
        (convert, ["--max-seq-length", "8"], "--max-seq-length requires a source with a vocabulary"),
        (export_hub, ["--do-lower-case"], "--do-lower-case requires a vocabulary"),
        (export_hub, ["--special-tokens", "find"], "--special-tokens requires a vocabulary"),
    ],
)
def test_a_flag_that_the_source_has_no_use_for_is_refused(golden, tmp_path, capfd, main, flags, line):
    source = ["--input" if main is convert else "--checkpoint", str(golden / "tf1_core_L2")]
    capfd.readouterr()
    assert main([*source, "--output", str(tmp_path / "out"), *flags]) == 2
    assert line in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (
            ["--judge-padding", "always", "--probes", "mixed"],
            "--judge-padding is for rows of padding, and no input has one: leave it out",
        ),
        (["--map", "a=b"], "--map a: no artifact has such a name: checkpoint "),
        (
            ["--task", "classifier", "--positions", "unmasked"],
            "--positions unmasked: no output of task classifier has values per token: leave it out",
        ),
    ],
)
def test_a_flag_that_cannot_act_on_these_artifacts_is_refused(golden, capfd, flags, line):
    checkpoint = str(golden / ("tf1_cls_L2" if "classifier" in flags else "tf1_core_L2"))
    capfd.readouterr()
    assert verify(["--reference", checkpoint, "--candidate", checkpoint, *flags]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"verify-parity: {line}")


@pytest.mark.parametrize("flags", [[], ["--dry-run"]])
def test_inputs_that_do_not_fit_are_refused_before_the_work(golden, tmp_path, capfd, flags):
    np.savez(tmp_path / "inputs.npz", words=np.ones((1, 2), np.int32))
    arguments = ["--checkpoint", str(golden / "tf1_core_L2"), "--output", str(tmp_path / "m.onnx"), *flags]
    capfd.readouterr()
    assert export_onnx([*arguments, "--inputs", str(tmp_path / "inputs.npz")]) == 2
    assert "missing input_word_ids, input_mask, input_type_ids" in capfd.readouterr().err
