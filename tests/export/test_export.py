"""export-hub-module: what it writes, what it refuses, and that it writes nothing that it could not verify."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow_hub as hub
from closeness import assert_close

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint
from bertferry.core.errors import UsageError
from bertferry.export import ModuleOptions, export_hub_module, module_writer
from bertferry.export.command import main

LOWER = SourceOptions(do_lower_case=True)


def run(capfd, *arguments):
    capfd.readouterr()
    code = main([str(argument) for argument in arguments])
    return code, *capfd.readouterr()


def test_every_layout_gives_the_same_function(golden, golden_inputs, expected, tmp_path):
    for source in ("tf_20_model_L2_2D_20", "tf_20_layer_L2_2D_20", "keras_bert_L2_21_cls", "tf_20_pre_L2"):
        report = export_hub_module(golden / source, tmp_path / source)
        assert report.verdict.startswith("AGREE")
    outputs = hub.KerasLayer(str(tmp_path / "tf_20_layer_L2_2D_20"))(golden_inputs)
    assert_close(outputs["sequence_output"], expected["sequence_output"])


@pytest.mark.parametrize("onnx", [(), ("fp32",)])
def test_progress_counts_upwards_and_names_what_is_done(golden, tmp_path, onnx):
    said = []
    export_hub_module(
        golden / "tf1_core_L2",
        tmp_path / "module",
        ModuleOptions(onnx=onnx),
        progress=lambda *step: said.append(step),
    )
    assert ("writing ONNX files" in {what for what, _, _ in said}) == bool(onnx)
    assert any("candidate on" in what for what, _, _ in said)
    counts = [done for _, done, _ in said]
    assert counts == sorted(counts)
    assert all(done < total for _, done, total in said)


def test_assets(text_source, tmp_path, capfd):
    module = tmp_path / "module"
    code, out, err = run(capfd, "--checkpoint", text_source, "--output", module, "--no-do-lower-case")
    assert (code, err) == (0, "")
    assert "vocabulary included, texts cased" in out
    original = (text_source / "vocab.txt").read_bytes()
    resolved = hub.KerasLayer(str(module)).resolved_object
    with open(resolved.vocab_file.asset_path.numpy(), "rb") as asset:
        assert asset.read() == original
    assert resolved.do_lower_case.numpy() == np.False_
    assert not resolved.do_lower_case.trainable
    manifest = json.loads((module / "MANIFEST.json").read_text())
    assert manifest["do_lower_case"] is False
    assert manifest["configuration"]["vocab_size"] == 30
    assert manifest["parity"]["verdict"].startswith("AGREE")
    assert manifest["parity"]["profile"] == "fp32"


def test_lower_casing_comes_from_the_tokenizer_configuration(text_source, tmp_path):
    source = shutil.copytree(text_source, tmp_path / "source")
    (source / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    assert export_hub_module(source, tmp_path / "module", ModuleOptions(verify=False)).do_lower_case is True


def test_assets_survive_the_deletion_of_the_original(text_source, tmp_path):
    source = shutil.copytree(text_source, tmp_path / "source")
    export_hub_module(source, tmp_path / "module", ModuleOptions(verify=False), source=LOWER)
    shutil.rmtree(source)
    resolved = hub.KerasLayer(str(tmp_path / "module")).resolved_object
    with open(resolved.vocab_file.asset_path.numpy(), encoding="utf-8") as asset:
        assert len(asset.read().splitlines()) == 30


def test_without_a_vocabulary_the_output_says_so(golden, tmp_path, capfd):
    code, out, _ = run(
        capfd, "--checkpoint", golden / "tf1_core_L2", "--output", tmp_path / "module", "--no-verify"
    )
    assert code == 0
    assert "no vocabulary: exported without text assets" in out


def test_no_file_contains_local_paths(text_source, tmp_path):
    export_hub_module(text_source, tmp_path / "module", ModuleOptions(), source=LOWER)
    for path in (tmp_path / "module").rglob("*"):
        if path.is_file():
            assert str(tmp_path.parent).encode() not in path.read_bytes(), path


def test_a_converted_checkpoint_exports(golden, tmp_path):
    convert_checkpoint(golden / "tf1_core_L2", tmp_path / "keras")
    assert export_hub_module(tmp_path / "keras", tmp_path / "module").source_layout == "keras_bert"


def test_dry_run_writes_nothing(text_source, tmp_path, capfd):
    arguments = ("--checkpoint", text_source, "--output", tmp_path / "module", "--do-lower-case", "--dry-run")
    code, out, _ = run(capfd, *arguments)
    assert code == 0
    assert out.startswith("would export ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("precision", "size"), [("fp32", "6.2 kB"), ("fp16", "3.1 kB")])
def test_a_dry_run_states_the_weights_that_the_module_holds(golden, tmp_path, precision, size):
    given = (golden / "tf1_core_L2", tmp_path / "module")
    dry = export_hub_module(*given, ModuleOptions(precision=precision), dry_run=True)
    assert f"  encoder, {precision}, {size} of weights\n" in dry.render()
    assert "variables.data" not in dry.render()  # its size depends on TensorFlow's own entries
    export_hub_module(*given, ModuleOptions(precision=precision, verify=False))
    held = hub.load(str(tmp_path / "module")).variables
    assert dry.weight_bytes == sum(variable.numpy().nbytes for variable in held)


def test_a_module_that_differs_from_its_source_is_not_written(golden, tmp_path, monkeypatch, capfd):
    sound = module_writer.variables

    def broken(module):
        parameters = sound(module)
        parameters["pooler/bias"].assign(-parameters["pooler/bias"])
        return parameters

    monkeypatch.setattr(module_writer, "variables", broken)
    code, out, err = run(capfd, "--checkpoint", golden / "tf1_core_L2", "--output", tmp_path / "module")
    assert (code, out) == (1, "")
    assert re.search("module: not written: the module differs from its source: DISAGREE .*pooled_output", err)
    assert f": hub {tmp_path}/module: pooled_output" in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


FAULTS = {
    "another vocabulary": (
        lambda d: (d / "vocab.txt").write_text("".join(f"word{i}\n" for i in range(31))),
        1,
        "vocab.txt: 31 tokens, but the token embedding table has 30 rows",
    ),
    "no special tokens": (
        lambda d: (d / "vocab.txt").write_text("".join(f"word{i}\n" for i in range(30))),
        1,
        r"vocab.txt: missing special tokens \[PAD\], ",
    ),
    "binary vocabulary": (lambda d: (d / "vocab.txt").write_bytes(b"\xff\xfe"), 2, "not a readable vocabulary"),
    "no lower-casing": (lambda d: None, 2, "vocab.txt: nothing says whether texts are lower-cased"),
    "broken tokenizer configuration": (
        lambda d: (d / "tokenizer_config.json").write_text("["),
        2,
        "tokenizer_config.json: not a readable tokenizer configuration",
    ),
    "damaged weights": (
        lambda d: (d / "bert_model.ckpt.data-00000-of-00001").write_bytes(b""),
        1,
        "tensor .* is damaged",
    ),
}


@pytest.mark.parametrize(("fault", "code", "line"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_input_gives_one_line_and_no_output(text_source, tmp_path, capfd, fault, code, line):
    source = shutil.copytree(text_source, tmp_path / "source")
    fault(source)
    arguments = ["--checkpoint", source, "--output", tmp_path / "module"]
    if "lower" not in line and "tokenizer" not in line:
        arguments.append("--do-lower-case")
    got, out, err = run(capfd, *arguments)
    assert (got, out) == (code, "")
    assert err.count("\n") == 1
    assert re.search(f"^export-hub-module: .*{line}", err), err
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_full_disk_is_one_line_and_leaves_nothing(golden, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True
    ).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        program = "from bertferry.export.command import run; run()"
        command = [
            sys.executable,
            "-c",
            program,
            "--checkpoint",
            golden / "tf1_core_L2",
            "--output",
            disk / "module",
        ]
        ended = subprocess.run(command, capture_output=True, text=True)
        assert ended.returncode == 2
        assert re.fullmatch("export-hub-module: .*module: no space left on the device\n", ended.stderr), (
            ended.stderr
        )
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "--output is missing"),
        (["--output", "out"], "give one source: --checkpoint PATH or --module DIR"),
        (["--checkpoint", "nowhere", "--output", "out"], "nowhere: no such checkpoint"),
        (["--checkpoint", "{golden}", "--output", "out", "--vocab", "none.txt"], "none.txt: vocabulary not found"),
        (["--checkpoint", "{golden}", "--output", "."], ". is the current directory"),
    ],
)
def test_wrong_arguments(golden, tmp_path, monkeypatch, capfd, arguments, line):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capfd, *(argument.format(golden=golden / "tf1_core_L2") for argument in arguments))
    assert (code, out) == (2, "")
    assert line in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_onnx_files_may_come_with_the_module(golden, tmp_path):
    options = ModuleOptions(onnx=("fp32", "fp16", "int8"))
    report = export_hub_module(golden / "tf1_core_L2", tmp_path / "module", options)
    names = {"model.onnx", "model_fp16.onnx", "model_quantized.onnx"}
    verdicts = [note.partition(" on ")[0] for note in report.notes if note.startswith("onnx/")]
    assert verdicts == [
        *("onnx/model.onnx: AGREE", "onnx/model_fp16.onnx: AGREE", "onnx/model_quantized.onnx: NOT JUDGED")
    ]
    assert {path.name for path in (tmp_path / "module" / "onnx").iterdir()} == names
    manifest = json.loads((tmp_path / "module" / "MANIFEST.json").read_text())
    assert {f"onnx/{name}" for name in names} <= set(manifest["files"])
    with pytest.raises(UsageError, match="unknown ONNX precision 'fp8': expected one of fp32, fp16, int8"):
        export_hub_module(golden / "tf1_core_L2", tmp_path / "other", ModuleOptions(onnx=("fp8",)))


def test_servers_see_the_names(module):
    """As shown by `saved_model_cli`, which reads what TF Serving serves."""
    command = [Path(sys.executable).parent / "saved_model_cli", "show", "--dir", module]
    command += ["--tag_set", "serve", "--signature_def", "serving_default"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for name in ("input_word_ids", "input_mask", "input_type_ids"):
        assert re.search(rf"inputs\['{name}'\] tensor_info:\s+dtype: DT_INT32\s+shape: \(-1, -1\)", shown), shown
    for name in ("pooled_output", "sequence_output"):
        assert f"outputs['{name}']" in shown


def test_an_untrained_pooler_is_never_exported(golden, tmp_path, capfd):
    """A masked-LM model of transformers has none: the output that needs one is left out."""
    from safetensors.numpy import load_file, save_file

    convert_checkpoint(golden / "tf1_core_L2", tmp_path / "source", ConversionOptions(to="huggingface"))
    path = tmp_path / "source" / "model.safetensors"
    save_file({name: array for name, array in load_file(path).items() if "pooler" not in name}, path)
    arguments = ["--checkpoint", tmp_path / "source", "--output", tmp_path / "module"]
    assert run(capfd, *arguments)[0] == 0
    signature = hub.load(str(tmp_path / "module")).signatures["serving_default"]
    assert set(signature.structured_outputs) == {"sequence_output"}
