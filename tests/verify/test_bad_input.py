"""Bad input gets one line that names it, and leaves no partial output."""

import json
import shutil

import numpy as np
import pytest

from bertferry.export import ModuleOptions, OnnxOptions, export_hub_module, export_onnx
from bertferry.verify.command import main


@pytest.fixture(scope="module")
def exported(golden, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad_input")
    export_hub_module(golden / "tf1_core_L2", folder / "hub", ModuleOptions(verify=False))
    export_onnx(folder / "m.onnx", OnnxOptions(verify=False), checkpoint=golden / "tf1_core_L2")
    return folder


def refusal(capfd, code, *arguments):
    """Runs a command that must fail, and returns its single line on stderr."""
    capfd.readouterr()
    assert main([str(argument) for argument in arguments]) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("verify-parity: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("name", ["nothing", "nothing.npz", "nothing.onnx", "hub:nothing", "savedmodel:nothing"])
@pytest.mark.parametrize("side", ["--reference", "--candidate"])
def test_what_is_missing_is_named(golden, tmp_path, capfd, name, side):
    other = {"--reference": "--candidate", "--candidate": "--reference"}[side]
    kind, colon, rest = name.rpartition(":")
    err = refusal(capfd, 2, side, f"{kind}{colon}{tmp_path / rest}", other, golden / "tf1_core_L2")
    assert rest in err


def test_corrupt_artifacts(golden, exported, tmp_path, capfd):
    core = golden / "tf1_core_L2"
    hub = shutil.copytree(exported / "hub", tmp_path / "hub")
    (hub / "saved_model.pb").write_bytes(b"no protocol buffer")
    assert "not a loadable SavedModel" in refusal(capfd, 1, "--reference", core, "--candidate", hub)
    assert "not a loadable SavedModel" in refusal(
        capfd, 1, "--reference", core, "--candidate", f"savedmodel:{hub}"
    )
    hub = shutil.copytree(exported / "hub", tmp_path / "weights")
    data = next((hub / "variables").glob("*.data-*"))
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    assert "weights" in refusal(capfd, 1, "--reference", core, "--candidate", hub)
    whole = (exported / "m.onnx").read_bytes()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    err = refusal(capfd, 1, "--reference", core, "--candidate", tmp_path / "half.onnx")
    assert "half.onnx" in err
    broken = shutil.copytree(core, tmp_path / "broken")
    data = next(broken.glob("*.data-*"))
    content = bytearray(data.read_bytes())
    content[100] ^= 1
    data.write_bytes(content)
    assert "broken" in refusal(capfd, 1, "--reference", core, "--candidate", broken)
    (tmp_path / "text.npz").write_text("no arrays")
    assert "text.npz" in refusal(capfd, 2, "--reference", tmp_path / "text.npz", "--candidate", core)


def test_different_configurations_are_refused(golden, exported, tmp_path, capfd):
    other = shutil.copytree(golden / "tf1_core_L2", tmp_path / "other")
    config = json.loads((other / "bert_config.json").read_text())
    for name in ("vocab_size", "hidden_size"):
        (other / "bert_config.json").write_text(json.dumps({**config, name: config[name] * 2}))
        err = refusal(capfd, 1, "--reference", golden / "tf1_core_L2", "--candidate", other)
        assert "embeddings" in err  # the tensors contradict the configuration
    from random_checkpoint import config_of, values, write

    write(tmp_path / "tiny", config_of("tiny"), values(config_of("tiny")))
    for reference in (golden / "tf1_core_L2", exported / "hub", exported / "m.onnx"):
        err = refusal(capfd, 1, "--reference", reference, "--candidate", tmp_path / "tiny")
        assert "has a different configuration from" in err


def test_another_hidden_size_of_the_same_vocabulary_is_a_disagreement(tmp_path, capfd):
    from dataclasses import replace

    from random_checkpoint import values, write
    from weight_faults import CONFIG

    for name, hidden in (("one", 16), ("other", 32)):
        config = replace(CONFIG, hidden_size=hidden)
        write(tmp_path / name, config, values(config))
    arguments = ["--reference", tmp_path / "one", "--candidate", tmp_path / "other", "--localize"]
    assert main([str(argument) for argument in arguments]) == 1
    out = capfd.readouterr().out
    assert "shape [3, 16, 32], reference [3, 16, 16]" in out
    assert "begins at embeddings" in out


def test_a_candidate_with_other_inputs(golden, tmp_path, capfd):
    import onnx
    from onnx import helper

    graph = helper.make_graph(
        [helper.make_node("Identity", ["pixels"], ["sequence_output"])],
        "vision",
        [helper.make_tensor_value_info("pixels", onnx.TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("sequence_output", onnx.TensorProto.FLOAT, [None, 3])],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), tmp_path / "v.onnx"
    )
    core, vision = golden / "tf1_core_L2", tmp_path / "v.onnx"
    for sides in (("--reference", core, "--candidate", vision), ("--reference", vision, "--candidate", core)):
        assert refusal(capfd, 2, *sides) == (
            f"verify-parity: onnx {vision} takes pixels, the inputs of task encoder are input_word_ids, "
            "input_mask, input_type_ids: give --map pixels=NAME, or another --task\n"
        )


def test_a_file_without_kernels_for_its_types(golden, tmp_path, capfd):
    from onnx import TensorProto, helper, save

    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["input_word_ids"], ["narrow"], to=TensorProto.BFLOAT16),
            helper.make_node("MatMul", ["narrow", "narrow"], ["sequence_output"]),
        ],
        "products",
        [helper.make_tensor_value_info("input_word_ids", TensorProto.INT32, [4, 4])],
        [helper.make_tensor_value_info("sequence_output", TensorProto.BFLOAT16, [4, 4])],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "b.onnx")
    sides = ("--reference", golden / "tf1_core_L2", "--candidate", tmp_path / "b.onnx")
    err = refusal(capfd, 3, *sides, "--outputs", "common", "--fit-inputs")
    assert f"{tmp_path / 'b.onnx'}: CPUExecutionProvider cannot run it: " in err


def test_conflicting_options_are_refused(golden, tmp_path, capfd):
    core = golden / "tf1_core_L2"
    sides = ("--reference", core, "--candidate", core)
    (tmp_path / "texts").write_text("a\n")
    np.savez(tmp_path / "x.npz", x=np.zeros(1))
    both = ("--texts", tmp_path / "texts", "--inputs", tmp_path / "x.npz")
    assert "either --inputs or --texts" in refusal(capfd, 2, *sides, *both)
    assert "--rejudge has no use for --reference, --candidate: leave them out" in refusal(
        capfd, 2, *sides, "--rejudge", tmp_path / "x.json"
    )
    assert "are required" in refusal(capfd, 2, "--reference", core)
    assert "must not be negative" in refusal(capfd, 2, *sides, "--atol", "-1")


def test_a_full_disk_leaves_no_report(golden, capfd):
    core = golden / "tf1_core_L2"
    capfd.readouterr()
    assert main(["--reference", str(core), "--candidate", str(core), "--json", "/dev/full"]) == 2
    assert "/dev/full: cannot be written" in capfd.readouterr().err
