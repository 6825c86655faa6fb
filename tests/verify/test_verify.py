"""verify-parity on real artifacts: correct ones agree, and deliberately broken ones do not."""

import json
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

from bertferry.convert import convert_checkpoint, open_checkpoint
from bertferry.export import ModuleOptions, export_hub_module
from bertferry.verify import ParityOptions, verify_parity
from bertferry.verify.command import main
from bertferry.verify.tolerance import PROFILES

GOLDEN_OUTPUTS = {
    "tf1_core": {"seq": "sequence_output", "pooled": "pooled_output"},
    "tf1_cls": {"logits": "logits"},
    "hf_token": {"logits": "logits"},
    "tf1_squad": {"start": "start_logits", "end": "end_logits"},
}


@pytest.fixture(scope="session")
def hub_module(golden, tmp_path_factory):
    output = tmp_path_factory.mktemp("verify") / "module"
    export_hub_module(golden / "tf1_core_L2", output, ModuleOptions(verify=False))
    return output


@pytest.fixture
def stored(golden, tmp_path):
    """Writes the TF 1.15.5 reference of a task under the names that the verifier knows."""

    def write(task, **changes):
        path = tmp_path / f"{task}.npz"
        inputs = {"ids": "input_word_ids", "mask": "input_mask", "seg": "input_type_ids"}
        with np.load(golden / f"{task}_L2.npz") as arrays:
            named = {name: arrays[key] for key, name in (inputs | GOLDEN_OUTPUTS[task]).items()}
        np.savez(path, **{name: array for name, array in {**named, **changes}.items() if array is not None})
        return path

    return write


def run(capfd, *arguments):
    capfd.readouterr()
    code = main([str(argument) for argument in arguments])
    return code, *capfd.readouterr()


@pytest.mark.parametrize(
    ("source", "task"),
    [("tf1_core", "encoder"), ("tf1_cls", "classifier"), ("hf_token", "tokens"), ("tf1_squad", "span")],
)
def test_a_checkpoint_agrees_with_tf1(golden, stored, capfd, source, task):
    arguments = ("--reference", stored(source), "--candidate", golden / f"{source}_L2", "--task", task)
    fp32 = PROFILES["fp32"]
    code, out, err = run(capfd, *arguments, "--atol", str(fp32.atol), "--rtol", str(fp32.rtol))
    assert (code, err) == (0, "")
    assert "AGREE on 1 probe within the given tolerance" in out


def test_every_kind_of_artifact_agrees(golden, hub_module, capfd):
    candidates = [f"hub:{hub_module}", f"savedmodel:{hub_module}", golden / "tf_20_layer_L2_2D_20"]
    flags = [flag for candidate in candidates for flag in ("--candidate", candidate)]
    code, out, err = run(capfd, "--reference", golden / "keras_bert_L2_21", *flags)
    assert (code, err) == (0, "")
    assert out.count("sequence_output") == 4
    assert re.search(r"AGREE on 11 probes within fp32 .*largest difference \d\.\de-\d\d in", out)


def test_the_module_agrees_with_the_golden(stored, hub_module, capfd):
    for kind in ("", "hub:", "savedmodel:"):
        assert run(capfd, "--reference", stored("tf1_core"), "--candidate", f"{kind}{hub_module}")[0] == 0


def test_pretraining_heads(golden, capfd):
    arguments = ("--reference", golden / "tf1_pretrain_L2", "--candidate", golden / "keras_bert_L2_21_pre")
    code, out, _ = run(capfd, *arguments, "--task", "pretrainer")
    assert code == 0
    assert {"mlm_logits", "nsp_logits"} <= set(out.split())


def test_the_wrong_activation_is_caught(golden, tmp_path, capfd):
    other = shutil.copytree(golden / "tf1_core_L2", tmp_path / "other")
    config = json.loads((other / "bert_config.json").read_text())
    (other / "bert_config.json").write_text(json.dumps({**config, "activation": "gelu_erf"}))
    code, out, _ = run(capfd, "--reference", golden / "tf1_core_L2", "--candidate", other)
    assert code == 1
    assert "compare activation" in out


def test_a_wrong_head_count_is_caught(golden, tmp_path, capfd):
    other = shutil.copytree(golden / "tf1_core_L2", tmp_path / "other")
    config = json.loads((other / "bert_config.json").read_text())
    (other / "bert_config.json").write_text(json.dumps({**config, "num_attention_heads": 4}))
    assert run(capfd, "--reference", golden / "tf1_core_L2", "--candidate", other)[0] == 1


class TestModulesThatAreWrong:
    """SavedModels that run, but do not compute what the reference does."""

    def module(self, tmp_path, answer, lengths=None):
        class Module(tf.Module):
            @tf.function(
                input_signature=[
                    {
                        name: tf.TensorSpec([None, lengths], tf.int32, name)
                        for name in ("input_word_ids", "input_mask", "input_type_ids")
                    }
                ]
            )
            def __call__(self, inputs):
                shape = tf.shape(inputs["input_word_ids"])
                return answer(tf.zeros([shape[0], shape[1], 8]), tf.zeros([shape[0], 8]))

        path = str(tmp_path / "wrong")
        tf.saved_model.save(Module(), path)
        return path

    def test_a_constant_output(self, golden, tmp_path, capfd):
        path = self.module(tmp_path, lambda seq, pooled: {"sequence_output": seq, "pooled_output": pooled})
        assert run(capfd, "--reference", golden / "tf1_core_L2", "--candidate", path)[0] == 1

    def test_a_missing_output(self, golden, tmp_path, capfd):
        path = self.module(tmp_path, lambda seq, pooled: {"sequence_output": seq})
        code, _, err = run(capfd, "--reference", golden / "tf1_core_L2", "--candidate", path)
        assert code == 2
        assert f"hub {path} returns sequence_output: compare those that both have with --outputs common" in err

    def test_a_frozen_length(self, golden, tmp_path, capfd):
        path = self.module(tmp_path, lambda s, p: {"sequence_output": s, "pooled_output": p}, lengths=16)
        sides = ("--reference", golden / "tf1_core_L2", "--candidate", path)
        code, _, err = run(capfd, *sides)
        assert code == 2
        assert f"hub {path}: its length is fixed at 16: compare on inputs of that kind with --fit-inputs" in err
        code, out, _ = run(capfd, *sides, "--fit-inputs")
        assert (code, "fails with" in out) == (1, False)


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "code", "line"),
        [
            ([], 2, "--reference ART and --candidate ART are required"),
            (["--reference", "{golden}"], 2, "--candidate ART are required"),
            (["--reference", "{golden}", "--candidate", "nowhere"], 2, "nowhere: no such checkpoint"),
            (["--reference", "none.npz", "--candidate", "{golden}"], 2, "none.npz: no such file"),
            (
                ["--reference", "{golden}", "--candidate", "tflite:x"],
                2,
                "unknown kind 'tflite': expected one of checkpoint",
            ),
            (["--reference", "{golden}", "--candidate", "hub:{golden}"], 2, "not a SavedModel"),
            (["--reference", "{golden}", "--candidate", "{golden}", "--atol", "-1"], 2, "must not be negative"),
            (
                ["--reference", "{golden}", "--candidate", "{golden}", "--inputs", "no.npz"],
                2,
                "no.npz: no such file",
            ),
            (["--reference", "{golden}", "--candidate", "{golden}", "--task", "span"], 1, "missing span/kernel"),
            (
                ["--reference", "{golden}", "--candidate", "{golden}", "--task", "classifier"],
                1,
                "missing classifier/kernel",
            ),
            (
                ["--reference", "{golden}", "--candidate", "{golden}", "--json", "no/such.json"],
                2,
                "cannot be written",
            ),
        ],
    )
    def test_one_line(self, golden, tmp_path, monkeypatch, capfd, arguments, code, line):
        monkeypatch.chdir(tmp_path)
        got, out, err = run(capfd, *(argument.format(golden=golden / "tf1_core_L2") for argument in arguments))
        assert (got, out) == (code, "")
        assert line in err
        assert err.count("\n") == 1

    def test_models_of_different_sizes(self, golden, capfd):
        code, _, err = run(
            capfd, "--reference", golden / "tf1_core_L2", "--candidate", golden / "third_party_keras_bert"
        )
        assert code == 1
        assert "has a different configuration from" in err

    @pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="a GPU is available")
    def test_a_missing_device_is_exit_code_3(self, golden, capfd):
        arguments = (
            "--reference",
            golden / "tf1_core_L2",
            "--candidate",
            golden / "tf1_core_L2",
            "--device",
            "gpu",
        )
        code, out, err = run(capfd, *arguments)
        assert (code, out) == (3, "")
        assert err == "verify-parity: --device gpu: no GPU visible to TensorFlow\n"

    @pytest.mark.parametrize(
        ("changes", "line"),
        [
            ({"input_mask": None}, "missing input_mask"),
            ({"sequence_output": None, "pooled_output": None}, "missing outputs"),
            ({"input_mask": np.ones((2, 6), np.int32)}, r"input_mask has shape [2, 6], input_word_ids [2, 7]"),
            ({"input_mask": np.ones((2, 7), np.float32)}, "input_mask is float32 [2, 7]: expected integers"),
        ],
    )
    def test_a_reference_with_the_wrong_arrays(self, golden, stored, capfd, changes, line):
        code, _, err = run(
            capfd, "--reference", stored("tf1_core", **changes), "--candidate", golden / "tf1_core_L2"
        )
        assert code == 2
        assert line in err

    def test_ids_beyond_the_vocabulary(self, golden, stored, capfd):
        path = stored("tf1_core", input_word_ids=np.full((2, 7), 30, np.int32))
        code, _, err = run(capfd, "--reference", path, "--candidate", golden / "tf1_core_L2")
        assert code == 1
        assert "token id 30 exceeds the model's maximum, 29" in err

    def test_a_file_that_is_no_npz(self, golden, tmp_path, capfd):
        (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 no archive")
        code, _, err = run(capfd, "--reference", tmp_path / "broken.npz", "--candidate", golden / "tf1_core_L2")
        assert code == 2
        assert "not a readable .npz file" in err

    def test_a_module_without_limits_asks_for_inputs(self, hub_module, tmp_path, capfd):
        bare = shutil.copytree(hub_module, tmp_path / "bare")
        (bare / "MANIFEST.json").unlink()
        code, _, err = run(capfd, "--reference", bare, "--candidate", bare)
        assert code == 2
        assert "give some with --inputs FILE.npz" in err

    def test_a_manifest_of_another_project_gives_no_limits(self, hub_module, tmp_path, capfd):
        foreign = shutil.copytree(hub_module, tmp_path / "foreign")
        sizes = {"vocab_size": 30, "type_vocab_size": 3, "max_position_embeddings": 16}
        (foreign / "MANIFEST.json").write_text(json.dumps({"name": "x", "configuration": sizes}))
        code, _, err = run(capfd, "--reference", foreign, "--candidate", foreign)
        assert code == 2
        assert "give some with --inputs FILE.npz" in err

    @pytest.mark.parametrize("kind", ["hub", "savedmodel"])
    def test_a_damaged_manifest_is_refused(self, hub_module, tmp_path, capfd, kind):
        damaged = shutil.copytree(hub_module, tmp_path / "damaged")
        text = (damaged / "MANIFEST.json").read_text()
        (damaged / "MANIFEST.json").write_text(text.replace("precision", "exactness", 1))
        code, _, err = run(capfd, "--reference", hub_module, "--candidate", f"{kind}:{damaged}")
        assert code == 2
        assert "damaged/MANIFEST.json: precision is missing" in err


def test_json_alone_prints_the_report(golden, capfd):
    arguments = ("--reference", golden / "tf1_core_L2", "--candidate", golden / "keras_bert_L2_21", "--json")
    code, out, _ = run(capfd, *arguments)
    report = json.loads(out)
    assert code == 0
    assert report["schema"] == "bertferry.parity/1"
    assert report["ok"] is True
    assert report["coverage"] == 1
    assert len(report["candidates"][0]["probes"]) == 11


def test_json_into_a_file_keeps_the_table(golden, tmp_path, capfd):
    path = tmp_path / "report.json"
    arguments = ("--reference", golden / "tf1_core_L2", "--candidate", golden / "keras_bert_L2_21", "--json", path)
    code, out, _ = run(capfd, *arguments)
    assert code == 0
    assert "AGREE" in out
    assert json.loads(path.read_text())["ok"] is True


def test_the_library_returns_the_report_and_prints_nothing(golden, tmp_path, capfd):
    convert_checkpoint(golden / "tf1_core_L2", tmp_path / "keras")
    report = verify_parity(golden / "tf1_core_L2", [tmp_path / "keras"], ParityOptions(seed=7))
    assert report.ok
    assert report.seed == 7
    assert capfd.readouterr() == ("", "")


def test_given_inputs_replace_the_probes(golden, tmp_path, golden_inputs):
    np.savez(tmp_path / "inputs.npz", **golden_inputs)
    report = verify_parity(
        golden / "tf1_core_L2", [golden / "keras_bert_L2_21"], ParityOptions(inputs=tmp_path / "inputs.npz")
    )
    assert [probe.probe for probe in report.candidates[0].probes] == ["given inputs"]
    assert open_checkpoint(golden / "tf1_core_L2").config.vocab_size == 30
