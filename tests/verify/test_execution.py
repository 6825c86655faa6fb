"""How artifacts run: precisions, devices, names, ONNX Runtime's options, and missing components."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from bertferry.export import ModuleOptions, OnnxOptions, export_hub_module, export_onnx
from bertferry.verify import ParityOptions, render, verify_parity
from bertferry.verify.command import main
from bertferry.verify.tolerance import PROFILES


@pytest.fixture(scope="module")
def exported(golden, tmp_path_factory):
    """A Hub module and an ONNX file of the golden checkpoint."""
    folder = tmp_path_factory.mktemp("execution")
    export_hub_module(golden / "tf1_core_L2", folder / "hub", ModuleOptions(verify=False))
    export_onnx(folder / "m.onnx", OnnxOptions(verify=False), checkpoint=golden / "tf1_core_L2")
    return folder


def run(capfd, *arguments):
    capfd.readouterr()
    code = main([str(argument) for argument in arguments])
    return code, *capfd.readouterr()


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "fp64"])
def test_a_network_runs_in_every_precision(golden, precision):
    core = golden / "tf1_core_L2"
    report = verify_parity(core, [core], ParityOptions(precision=precision))
    assert report.ok, render(report)
    noise = report.candidates[0].probes[0].diffs[0].statistics.sqnr_db
    assert (noise < PROFILES["fp32"].min_sqnr_db) == (precision in ("fp16", "bf16"))
    engine = "tensorflow" if precision in ("fp16", "bf16") else "numpy"
    assert (report.runs_on, report.candidates[0].runs_on) == ("numpy cpu", f"{engine} cpu {precision}")


@pytest.mark.parametrize("precision", ["fp16", "int8", "fp64"])
def test_an_onnx_file_is_converted_on_the_fly(golden, exported, precision):
    report = verify_parity(golden / "tf1_core_L2", [exported / "m.onnx"], ParityOptions(precision=precision))
    assert report.ok, render(report)
    assert report.tolerance.name == {"fp64": "fp32-cross"}.get(precision, precision)


def test_the_arbiter_is_closer_to_both_than_they_are_to_each_other(golden, exported):
    def noise(**options):
        report = verify_parity(golden / "tf1_core_L2", [exported / "m.onnx"], ParityOptions(**options))
        return report.candidates[0].probes[0].diffs[0].statistics.mean_abs

    assert noise(reference_precision="fp64") < noise()


@pytest.mark.parametrize("device", ["xla", "tpu-emulated"])
def test_compiled_for_the_cpu(golden, exported, device):
    core = golden / "tf1_core_L2"
    candidates = [core, f"hub:{exported / 'hub'}", f"savedmodel:{exported / 'hub'}"]
    report = verify_parity(core, candidates, ParityOptions(device=device, probes=("mixed", "length 1")))
    assert report.ok, render(report)
    noise = [candidate.probes[0].diffs[0].statistics.sqnr_db for candidate in report.candidates]
    whole, rounded = PROFILES["fp32-cross"].min_sqnr_db, PROFILES["bf16-products"].min_sqnr_db
    assert all((rounded < sqnr < whole) if device == "tpu-emulated" else (sqnr > whole) for sqnr in noise)


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="a GPU is available")
@pytest.mark.parametrize(
    ("candidate", "flags", "line"),
    [
        ("tf1_core_L2", ["--device", "gpu"], "--device gpu: no GPU visible to TensorFlow"),
        ("hub", ["--device", "gpu"], "--device gpu: no GPU visible to TensorFlow"),
        ("m.onnx", ["--device", "gpu"], "--device gpu: this ONNX Runtime has no CUDAExecutionProvider"),
        ("tf1_core_L2", ["--device", "tpu"], "--device tpu: no TPU found"),
        ("hub", ["--device", "tpu"], "--device tpu: no TPU found"),
        ("tf1_core_L2", ["--precision", "tf32"], "--precision tf32 needs --device gpu"),
        ("tf1_core_L2", ["--precision", "tf32", "--device", "gpu"], "no GPU visible to TensorFlow"),
    ],
)
def test_a_missing_device_is_exit_code_3(golden, exported, capfd, candidate, flags, line):
    path = (golden if candidate.startswith("tf1") else exported) / candidate
    code, out, err = run(capfd, "--reference", golden / "tf1_core_L2", "--candidate", path, *flags)
    assert (code, out) == (3, "")
    assert line in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("candidate", "precision", "remedy"),
    [
        ("tf1_core_L2", "int8", "export-onnx --precision int8"),
        ("hub", "fp16", "export another module with export-hub-module --precision fp16"),
        ("hub", "int8", "export-onnx --precision int8"),
        ("m.onnx", "bf16", "ONNX files run in fp32, tf32, fp16, int8, fp64"),
    ],
)
def test_an_unsupported_precision_is_refused_with_a_remedy(golden, exported, capfd, candidate, precision, remedy):
    path = (golden if candidate.startswith("tf1") else exported) / candidate
    arguments = ("--reference", golden / "tf1_core_L2", "--candidate", path, "--precision", precision)
    code, _, err = run(capfd, *arguments)
    assert code == 2
    assert remedy in err


@pytest.mark.parametrize(
    ("reference", "flags", "fault"),
    [
        ("m.onnx", ("precision", "bf16"), "--reference-precision bf16: ONNX files run in"),
        ("m.onnx", ("precision", "tf32"), "--reference-precision tf32 needs --reference-device gpu"),
        ("m.onnx", ("device", "xla"), "--reference-device xla: expected one of cpu, gpu"),
        ("m.onnx", ("device", "gpu"), "--reference-device gpu: this ONNX Runtime has no CUDAExecutionProvider"),
        ("hub", ("device", "gpu"), "--reference-device gpu: no GPU visible to TensorFlow"),
    ],
)
def test_a_fault_of_the_reference_names_its_own_flags(golden, exported, capfd, reference, flags, fault):
    if "gpu" in flags and tf.config.list_physical_devices("GPU"):
        pytest.skip("a GPU is available")
    arguments = ("--reference", exported / reference, "--candidate", golden / "tf1_core_L2")
    code, _, err = run(capfd, *arguments, f"--reference-{flags[0]}", flags[1])
    assert code in (2, 3)
    assert fault in err


@pytest.mark.parametrize(
    ("precision", "remedy"),
    [
        ("fp16", "export it with export-onnx --precision fp16"),
        ("fp64", "run the source checkpoint"),
    ],
)
def test_a_graph_with_external_weights_is_not_converted(golden, tmp_path, capfd, precision, remedy):
    export_onnx(
        tmp_path / "m.onnx", OnnxOptions(external_data=True, verify=False), checkpoint=golden / "tf1_core_L2"
    )
    arguments = ("--reference", golden / "tf1_core_L2", "--candidate", tmp_path / "m.onnx")
    code, _, err = run(capfd, *arguments, "--precision", precision)
    assert code == 2
    assert f"cannot be converted to {precision} on the fly because its weights are in m.onnx.data: {remedy}" in err


def test_a_module_in_half_precision_says_so(golden, tmp_path, capfd):
    export_hub_module(golden / "tf1_core_L2", tmp_path / "half", ModuleOptions(precision="fp16", verify=False))
    arguments = ("--reference", golden / "tf1_core_L2", "--candidate", tmp_path / "half")
    assert run(capfd, *arguments)[0] == 0
    assert run(capfd, *arguments, "--precision", "fp16")[0] == 0
    code, _, err = run(capfd, *arguments, "--precision", "fp32")
    assert (code, "it was exported in fp16" in err) == (2, True)


@pytest.mark.parametrize("level", ["none", "basic", "extended", "all"])
def test_levels_and_threads_of_onnx_runtime_are_harmless(golden, exported, capfd, level):
    flags = ("--graph-optimization", level, "--threads", "1")
    code, out, _ = run(capfd, "--reference", golden / "tf1_core_L2", "--candidate", exported / "m.onnx", *flags)
    assert code == 0
    reference, candidate = (line for line in out.splitlines() if line.startswith(("reference", "candidate")))
    assert "threads 1" in candidate
    assert "threads" not in reference  # TensorFlow's are its own


def test_other_input_and_output_names_are_mapped(golden, exported, tmp_path, capfd):
    import onnx

    theirs = {
        "input_word_ids": "words",
        "input_mask": "which",
        "sequence_output": "vectors",
    }
    model = onnx.load(str(exported / "m.onnx"))
    for value in (*model.graph.input, *model.graph.output):
        value.name = theirs.get(value.name, value.name)
    for node in model.graph.node:
        node.input[:] = [theirs.get(name, name) for name in node.input]
        node.output[:] = [theirs.get(name, name) for name in node.output]
    onnx.save(model, str(tmp_path / "m.onnx"))
    arguments = ("--reference", golden / "tf1_core_L2", "--candidate", tmp_path / "m.onnx", "--probes", "mixed")
    code, _, err = run(capfd, *arguments)
    assert (code, "takes words, which, input_type_ids, the inputs of task encoder are " in err) == (2, True)
    pairs = [f"{their}={our}" for our, their in theirs.items()]
    assert run(capfd, *arguments, "--map", ",".join(pairs))[0] == 0
    assert run(capfd, *arguments, "--map", pairs[0], "--map", pairs[1])[0] == 2  # an output still has another name
    code, _, err = run(capfd, *arguments, "--map", "words")
    assert (code, "expected THEIRS=OURS" in err) == (2, True)


def test_probes_by_name(golden, capfd):
    core = golden / "tf1_core_L2"
    arguments = ("--reference", core, "--candidate", core)
    code, out, _ = run(capfd, *arguments, "--probes", "mixed,left padding")
    assert (code, "AGREE on 2 probes" in out) == (0, True)
    code, _, err = run(capfd, *arguments, "--probes", "mixed,nonsense")
    assert (code, "unknown probe 'nonsense': expected one of mixed, batch of 1" in err) == (2, True)


class TestTexts:
    @pytest.fixture
    def with_vocabulary(self, golden, tmp_path):
        """A checkpoint with a vocabulary, and a file of texts."""
        folder = shutil.copytree(golden / "tf1_core_L2", tmp_path / "with_vocabulary")
        words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c", "d", "e"]
        rows = json.loads((folder / "bert_config.json").read_text())["vocab_size"]
        words += [f"word{number}" for number in range(rows - len(words))]
        (folder / "vocab.txt").write_text("\n".join(words) + "\n")
        (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}')
        (tmp_path / "texts").write_text("A bc d\n\nword3 e " + "a " * 40 + "\n")
        return folder, tmp_path / "texts"

    def test_they_become_probes(self, with_vocabulary, capfd):
        folder, texts = with_vocabulary
        arguments = ("--reference", folder, "--candidate", folder, "--texts", texts)
        code, out, _ = run(capfd, *arguments)
        assert (code, "AGREE on 1 probe" in out) == (0, True)
        assert "texts 1 to 2" in out

    def test_another_order_of_words_is_a_fault(self, with_vocabulary, tmp_path, capfd):
        folder, texts = with_vocabulary
        other = shutil.copytree(folder, tmp_path / "other")
        words = (other / "vocab.txt").read_text().splitlines()
        words[5], words[6] = words[6], words[5]
        (other / "vocab.txt").write_text("\n".join(words) + "\n")
        for more in ((), ("--texts", texts)):
            code, out, _ = run(capfd, "--reference", folder, "--candidate", other, *more)
            assert code == 1
            assert "vocabulary: 2 words differ, the first at id 5: 'a' and 'b'" in out

    def test_without_words_or_casing_they_are_refused(self, with_vocabulary, golden, capfd):
        folder, texts = with_vocabulary
        core = golden / "tf1_core_L2"
        code, _, err = run(capfd, "--reference", core, "--candidate", core, "--texts", texts)
        assert code == 2
        assert "no artifact has a vocabulary" in err or "vocab" in err
        (folder / "tokenizer_config.json").unlink()
        code, _, err = run(capfd, "--reference", folder, "--candidate", folder, "--texts", texts)
        assert (code, "nothing says whether texts are lower-cased: give --do-lower-case" in err) == (2, True)

    def test_the_ids_are_those_of_the_words(self, with_vocabulary):
        from bertferry.verify.resolution import resolve_artifact
        from bertferry.verify.texts import read_texts, text_probes

        folder, texts = with_vocabulary
        (probe,) = text_probes(read_texts(texts), [resolve_artifact(folder, "encoder")])
        ids, mask = probe.inputs["input_word_ids"], probe.inputs["input_mask"]
        assert ids[0, :6].tolist() == [2, 5, 6, 7, 8, 3]
        assert mask.sum(axis=1).tolist() == [6, 16]  # the longest input of the model
        assert ids[1, [0, -1]].tolist() == [2, 3]
        assert np.array_equal(ids[mask == 0], np.zeros(10))
